"""Every difference between two contracts has a kind, and only some are refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from pipelines.errors import UseCaseError
from pipelines.rules.use_case import change_kinds as kinds
from pipelines.rules.use_case.change_kinds import KINDS, ChangeKind
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_changes import changes, refused, require_applicable
from pipelines.rules.use_case.contract_parser import parse_contract
from tests.unit.pipelines.rules.use_case.contracts import contracts

DOCUMENT: dict[str, Any] = {
    "title": "Loans",
    "entity_key": "customer_id",
    "event_time": "event_time",
    "transaction_id": "transaction_id",
    "label": {"name": "bad", "positive": "yes", "negative": "no"},
    "features": {
        "amount": {"type": "float", "range": [0, 10]},
        "count": {"type": "int", "nullable": True},
        "channel": {"type": "category", "values": ["web", "shop"], "nullable": True},
    },
    "derived": {"half": {"expression": "amount / 2"}},
    "sources": {"AMOUNT": "amount"},
}


def contract(**settings: Any) -> Contract:
    """The contract with some keys replaced; a key is dotted, None removes it."""
    document = msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    for key, value in settings.items():
        *path, last = key.split("__")
        parent = document
        for part in path:
            parent = parent[part]
        if value is None:
            del parent[last]
        else:
            parent[last] = value
    return parse_contract(document, use_case="loans", file="loans/contract.yaml")


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        pytest.param({"title": "Credit"}, kinds.WORDS, id="a title"),
        pytest.param({"sources": {"AMOUNT": "count"}}, kinds.WORDS, id="a source name"),
        pytest.param({"csv": {"decimal": ","}}, kinds.WORDS, id="the format of files"),
        pytest.param(
            {"features__amount__description": "EUR"}, kinds.WORDS, id="a description"
        ),
        pytest.param(
            {"features__age": {"type": "int", "nullable": True}},
            kinds.ADDED_NULLABLE,
            id="a nullable feature",
        ),
        pytest.param(
            {"features__age": {"type": "int"}}, kinds.ADDED_REQUIRED, id="a required feature"
        ),
        pytest.param({"features__count": None}, kinds.REMOVED, id="a feature goes"),
        pytest.param({"features__amount__range": [0, 11]}, kinds.WIDENED, id="a wider range"),
        pytest.param({"features__amount__range": None}, kinds.WIDENED, id="no range any more"),
        pytest.param({"features__amount__range": [1, 10]}, kinds.NARROWED, id="a narrower range"),
        pytest.param({"features__amount__range": [1, 11]}, kinds.NARROWED, id="a moved range"),
        pytest.param({"features__count__range": [0, 9]}, kinds.NARROWED, id="a range is added"),
        pytest.param({"features__amount__nullable": True}, kinds.NULLABLE, id="nullable"),
        pytest.param({"features__count__nullable": False}, kinds.REQUIRED, id="required"),
        pytest.param(
            {"features__channel__values": ["web", "shop", "app"]},
            kinds.CATEGORY_ADDED,
            id="a category comes",
        ),
        pytest.param(
            {"features__channel__values": ["web"]}, kinds.CATEGORY_REMOVED, id="a category goes"
        ),
        pytest.param(
            {"features__channel__values": ["shop", "web"]},
            kinds.CATEGORIES_REORDERED,
            id="categories in another order",
        ),
        pytest.param({"features__count__type": "float"}, kinds.NUMBER_WIDER, id="int to float"),
        pytest.param({"features__amount__type": "int"}, kinds.NUMBER_NARROWER, id="float to int"),
        pytest.param({"features__count__missing": [-7]}, kinds.MISSING, id="missing codes"),
        pytest.param({"features__channel__unknown": "other"}, kinds.UNKNOWN, id="unknown"),
        pytest.param({"features__amount__beyond": "clip"}, kinds.BEYOND, id="beyond"),
        pytest.param(
            {"derived__double": {"expression": "amount * 2"}},
            kinds.DERIVED_ADDED,
            id="a derived feature",
        ),
        pytest.param({"derived__half": None}, kinds.DERIVED_REMOVED, id="a derived feature goes"),
        pytest.param(
            {"derived__half__expression": "amount / 2 + 1"}, kinds.EXPRESSION, id="an expression"
        ),
        pytest.param(
            {"features__amount__monotone": "increasing"}, kinds.DIRECTION, id="a direction"
        ),
        pytest.param(
            {"derived__half__monotone": "decreasing"}, kinds.DIRECTION, id="a derived direction"
        ),
        pytest.param({"label__name": "default"}, kinds.FILE_LABEL, id="the label's column"),
        pytest.param({"label__unlabelled": ["?"]}, kinds.FILE_LABEL, id="unlabelled values"),
        pytest.param(
            {"label__negative": ["no", "paid"]}, kinds.LABEL_VALUES, id="a value of the label"
        ),
        pytest.param({"label__positive": ["yes"]}, kinds.SPELLING, id="a list of one value"),
        pytest.param({"features__count__type": "bool"}, kinds.TYPE, id="another type"),
        pytest.param({"entity_key": "client_id"}, kinds.IDENTITY, id="another entity key"),
    ],
)  # fmt: skip
def test_a_change_has_a_kind(settings: dict[str, Any], kind: ChangeKind) -> None:
    found = changes(contract(), contract(**settings))
    assert [change.kind.name for change in found] == [kind.name]
    is_refused = kind in (kinds.TYPE, kinds.IDENTITY)
    assert bool(refused(found)) == is_refused


def test_of_the_settings_of_files_those_that_differ_are_named() -> None:
    new = contract(sources={"BETRAG": "amount"}, csv={"decimal": ",", "delimiter": ";"})
    assert [str(change) for change in changes(contract(), new)] == [
        "csv.decimal: '.' → ','",
        "csv.delimiter: none → ';'",
        "sources.AMOUNT: 'amount' → none",
        "sources.BETRAG: none → 'amount'",
    ]


def test_features_in_another_order_are_one_change() -> None:
    former = contract()
    turned = msgspec.structs.replace(former, features=former.features[::-1])
    assert [change.kind for change in changes(former, turned)] == [kinds.FEATURES_REORDERED]


def test_a_value_of_the_label_never_changes_its_class() -> None:
    turned = contract(label__positive="no", label__negative="yes")
    assert {change.kind for change in changes(contract(), turned)} == {kinds.LABEL_SWAPPED}


def test_a_raw_feature_does_not_become_a_derived_one() -> None:
    computed = contract(features__count=None, derived__count={"expression": "amount * 3"})
    assert [change.kind for change in changes(contract(), computed)] == [kinds.KIND]
    assert [change.kind for change in changes(computed, contract())] == [kinds.KIND]


def test_a_refusal_names_the_change_and_what_to_do() -> None:
    another = contract(features__count__type="bool")
    message = (
        "loans/contract.yaml: features.count.type: 'int' → 'bool': the type of a feature changes, "
        "which is not applied: give the feature another name"
    )
    with pytest.raises(UseCaseError, match=message):
        require_applicable(contract(), another, file="loans/contract.yaml")
    require_applicable(contract(), contract(title="x"), file="loans/contract.yaml")


def test_every_kind_says_what_it_means() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert all((kind.clients, kind.champion, kind.challenger, kind.drift, kind.ends))


@given(contracts(), contracts())
def test_a_new_version_comes_from_a_change_that_is_listed(former: Contract, new: Contract) -> None:
    found = changes(former, new)
    assert (former.hash != new.hash) == any(change.kind is not kinds.WORDS for change in found)
    assert (former == new) == (not found)
    assert not refused(found)


@given(contracts())
def test_a_contract_does_not_differ_from_itself(drawn: Contract) -> None:
    assert changes(drawn, drawn) == []
