"""The last valid contract and policy stay in force, whatever happens to the files."""

import itertools
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy import Policy, overlay
from pipelines.settings import ROOT
from pipelines.use_case import (
    chosen,
    keep,
    keep_valid,
    names,
    read_contract,
    read_in_force,
    read_new_contract,
    read_policy,
    read_use_case,
)

Break = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a use case, with a copy kept in `copies` beside `reference`, and an overlay."""
    folder = tmp_path / "reference" / "fraud"
    shutil.copytree(ROOT / "reference" / "fraud", folder)
    (tmp_path / "over.yaml").write_text("gates: {recall: 0.55}")
    valid = read_use_case(folder.parent, "fraud", tmp_path / "over.yaml")
    keep(tmp_path / "copies", "fraud", valid.texts)
    return folder


def edit(file: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def state(**sections: object) -> Break:
    """Lay keys over those that the policy states."""

    def change(folder: Path) -> None:
        document = yaml.safe_load((folder / "policy.yaml").read_text())
        (folder / "policy.yaml").write_text(yaml.safe_dump(overlay(document, sections)))

    return change


def write(file: str, content: bytes) -> Break:
    return lambda folder: (folder / file).write_bytes(content) and None  # type: ignore[func-returns-value]


def remove(file: str) -> Break:
    return lambda folder: (folder / file).unlink()


def make_a_folder(file: str) -> Break:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).mkdir()

    return change


FAULTS = [
    pytest.param(
        state(gates={"recal": 0.40}),
        r"fraud/policy\.yaml.*gates\.recal: 0\.4 is not a setting: did you mean gates\.recall\?",
        id="an unknown key",
    ),
    pytest.param(
        state(gates={"samples": "many"}),
        "gates.samples: 'many' must be a whole number, at least 1",
        id="a bad value",
    ),
    pytest.param(
        state(drift={"schedule": "75 * * * *"}),
        "drift.schedule: '75 .* not a cron",
        id="no cron expression",
    ),
    pytest.param(
        edit("policy.yaml", "amount > 200", "amuont > 200"),
        "slices.large amounts.*amuont",
        id="an unknown slice",
    ),
    pytest.param(
        edit("policy.yaml", "ignore: [during", "ignore: [dring"),
        "drift.ignore: 'dring",
        id="an unknown column",
    ),
    pytest.param(write("policy.yaml", b"gates: ["), r"policy\.yaml is not YAML", id="no YAML"),
    pytest.param(write("policy.yaml", b"a: 2026-13-45"), r"policy\.yaml is not YAML", id="no date"),
    pytest.param(
        write("policy.yaml", b"[" * 5000), r"policy\.yaml is not YAML", id="brackets without an end"
    ),
    pytest.param(write("policy.yaml", b"\xff\xfe"), r"policy\.yaml is not YAML", id="no text"),
    pytest.param(write("policy.yaml", b""), r"fraud/policy\.yaml.* is empty", id="an empty policy"),
    pytest.param(remove("policy.yaml"), r"policy\.yaml is missing", id="a policy that was deleted"),
    pytest.param(
        make_a_folder("policy.yaml"),
        r"policy\.yaml can't be read",
        id="a folder in place of the policy",
    ),
    pytest.param(
        edit("contract.yaml", "label:", "lable:"),
        r"fraud/contract\.yaml: lable",
        id="a typo in the contract",
    ),
    pytest.param(
        edit("contract.yaml", "  amount:", "  sum:"),
        "amount",
        id="a contract that the policy does not fit",
    ),
    pytest.param(
        remove("contract.yaml"), r"contract\.yaml is missing", id="a contract that was deleted"
    ),
    pytest.param(
        lambda folder: shutil.rmtree(folder),
        "there is no use case 'fraud'|contract.yaml is missing",
        id="a folder that was deleted",
    ),
    pytest.param(
        write("../../over.yaml", b"gates: {recal: 1}"),
        r"under over\.yaml.*recal",
        id="a typo in the overlay",
    ),
    pytest.param(
        remove("../../over.yaml"), r"over\.yaml is not a file", id="an overlay that was deleted"
    ),
]


@pytest.mark.parametrize(("break_it", "words"), FAULTS)
def test_an_invalid_file_leaves_the_last_valid_one_in_force(
    folder: Path, break_it: Break, words: str
) -> None:
    over, copies = folder.parent.parent / "over.yaml", folder.parent.parent / "copies"
    valid = read_use_case(folder.parent, "fraud", over)
    break_it(folder)
    found = read_in_force(folder.parent, "fraud", over, copies)
    assert (found.policy, found.contract.hash) == (valid.policy, valid.contract.hash)
    assert found.policy.gates.recall == 0.55  # the overlay's
    with pytest.raises(UseCaseError, match=words):
        raise found.warning or AssertionError("no fault is named")
    assert "The last valid" in str(found.warning) and "in force" in str(found.warning)


@pytest.mark.parametrize(("break_it", "words"), FAULTS)
def test_without_a_copy_the_fault_is_raised(
    folder: Path, break_it: Break, words: str, tmp_path: Path
) -> None:
    break_it(folder)
    with pytest.raises(UseCaseError, match=words):
        read_in_force(
            folder.parent, "fraud", folder.parent.parent / "over.yaml", tmp_path / "nothing"
        )


def test_both_faults_are_named_when_contract_and_policy_are_invalid(folder: Path) -> None:
    for file in ("contract.yaml", "policy.yaml"):
        (folder / file).write_text("a: [")
    warning = str(
        read_in_force(folder.parent, "fraud", None, folder.parent.parent / "copies").warning
    )
    assert "contract.yaml is not YAML" in warning and "policy.yaml is not YAML" in warning
    assert "contract.yaml of 20" in warning and "policy.yaml of 20" in warning


def test_a_valid_file_is_in_force_beside_the_copy_of_another(folder: Path) -> None:
    edit("contract.yaml", "label:", "lable:")(folder)
    state(gates={"samples": 300})(folder)
    assert (
        read_in_force(
            folder.parent, "fraud", None, folder.parent.parent / "copies"
        ).policy.gates.samples
        == 300
    )


def test_a_valid_folder_needs_no_copy(folder: Path) -> None:
    found = read_in_force(folder.parent, "fraud", None, folder.parent / "nothing")
    assert (found.warning, found.policy.gates.recall) == (None, 0.40)


def test_a_copy_is_for_the_owner_alone_and_can_be_copied_back(folder: Path) -> None:
    copies = folder.parent.parent / "kept"
    keep_valid(folder.parent, None, copies)
    copy = copies / "fraud"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copies, copy)} == {0o700}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in copy.iterdir()} == {
        "contract.yaml": 0o600,
        "policy.yaml": 0o600,
    }
    assert all(
        (copy / file).read_text() == (folder / file).read_text()
        for file in ("contract.yaml", "policy.yaml")
    )


def test_only_what_changed_is_written(folder: Path) -> None:
    copies = folder.parent.parent / "copies"
    for file in ("contract.yaml", "policy.yaml"):
        os.utime(copies / "fraud" / file, (0, 0))
    edit("contract.yaml", "title: ", "title: New ")(folder)
    keep_valid(folder.parent, folder.parent.parent / "over.yaml", copies)
    assert (copies / "fraud" / "policy.yaml").stat().st_mtime == 0
    assert (copies / "fraud" / "contract.yaml").stat().st_mtime > 0


def test_an_invalid_folder_does_not_replace_its_copy(folder: Path) -> None:
    copies = folder.parent.parent / "copies"
    before = (copies / "fraud" / "policy.yaml").read_text()
    state(drift={"schedule": "75 * * * *"})(folder)
    keep_valid(folder.parent, None, copies)
    assert (copies / "fraud" / "policy.yaml").read_text() == before


def test_a_home_that_cannot_be_written_costs_the_copy_alone(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = folder.parent.parent / "home"
    home.write_text("a file in place of the folder")
    keep_valid(folder.parent, None, home / "policies")
    assert "can be kept in" in caplog.text


def test_the_use_cases_of_a_deployment_are_those_listed_or_all(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "loans")
    (folder / "contract.yaml").unlink()
    assert names(folder.parent) == ["fraud", "loans"]
    for only, expected in (
        ("", ["fraud", "loans"]),
        ("all", ["fraud", "loans"]),
        (" loans, ", ["loans"]),
        ("cats", ["cats"]),
    ):
        assert chosen(folder.parent, only) == expected


def test_the_built_in_policy_is_valid_and_limits_a_rollback_as_the_shipped_one() -> None:
    built_in = Policy(use_case="fraud")
    shipped = read_policy(ROOT / "reference" / "fraud")
    assert built_in.final_validation == shipped.final_validation
    assert built_in.promotion == shipped.promotion
    assert built_in.retention == shipped.retention


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{former}'] * 9)}]\n"
    for former, name in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            BOMB, r"aliases \(\*name\) are not read here", id="a few lines that stand for millions"
        ),
        pytest.param("a: &a [*a]\n", "aliases", id="a list that holds itself"),
        pytest.param("[" * 100_000, "nested deeper than 50 levels", id="brackets without end"),
        pytest.param("- " * 500_000, "nested deeper than 50 levels", id="lists without end"),
        pytest.param("{a: " * 200_000, "nested deeper than 50 levels", id="maps without end"),
        pytest.param(
            "a: " + "x" * 2**20, "is larger than 1,048,576 bytes", id="a file beyond all reason"
        ),
        pytest.param(
            "!!python/object/apply:os.system ['true']",
            "is not YAML",
            id="a tag that would run code",
        ),
        pytest.param("a: 2026-13-45", "is not YAML", id="a date that is none"),
        pytest.param("? [a, b]\n: c", "is not YAML|must be|is not a key", id="a list as a key"),
    ],
)
def test_hostile_yaml_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile" / "contract.yaml").write_text(text)
    with pytest.raises(UseCaseError, match=words) as refused:
        read_contract(tmp_path / "hostile")
    assert len(str(refused.value)) < 2000
    assert "\n" not in str(refused.value)


def test_a_contract_with_a_refused_change_leaves_the_copy_in_force(folder: Path) -> None:
    copies = folder.parents[1] / "copies"
    former = read_contract(folder)
    edit("contract.yaml", "{type: bool,", "{type: float,")(folder)
    in_force = read_in_force(folder.parent, "fraud", None, copies)
    assert in_force.contract == former
    assert "features.during_weekend.type" in str(in_force.warning)
    assert "give the feature another name" in str(in_force.warning)
    keep_valid(folder.parent, None, copies)
    assert read_contract(copies / "fraud") == former, "the copy is not replaced"
    with pytest.raises(UseCaseError, match="which is not applied"):
        read_new_contract(folder, copies)


def test_a_contract_that_may_replace_the_one_in_force_is_read(folder: Path) -> None:
    copies = folder.parents[1] / "copies"
    edit("contract.yaml", "range: [0, 1]", "range: [0, 2]")(folder)
    in_force = read_in_force(folder.parent, "fraud", None, copies)
    assert in_force.warning is None
    assert in_force.contract == read_contract(folder) == read_new_contract(folder, copies)


def test_a_split_by_time_needs_times(folder: Path) -> None:
    edit("contract.yaml", "event_time: event_time\n", "")(folder)
    edit("contract.yaml", "  TX_DATETIME: event_time\n", "")(folder)
    with pytest.raises(UseCaseError, match=r"evaluation\.split: 'time' needs event times"):
        read_use_case(folder.parent, "fraud")
    edit("policy.yaml", "evaluation:\n", "evaluation:\n  split: id\n")(folder)
    assert not read_use_case(folder.parent, "fraud").contract.has_times
