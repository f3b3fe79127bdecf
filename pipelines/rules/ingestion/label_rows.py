"""The contract of files and queries with labels: an id, a label, and the time of the finding.

Such a contract has no features, so labels are read and checked as labelled history is.
"""

import msgspec

from pipelines.rules.use_case.contract import Contract, LabelColumn, Value
from pipelines.rules.use_case.label_values import label_key, listed, opposites

LABELLED_AT = "labelled_at"
ID = "transaction_id"
LABEL = "label"


def label_contract(contract: Contract, labelled_at: str = LABELLED_AT) -> Contract:
    """Return the contract of label rows; `labelled_at` names the column with the time.

    Columns may have the names of the contract, of its `sources`, or those of the route `/labels`.
    The values are those that the route takes: 1 and 0 are the classes unless the contract lists
    one of them.
    """
    names = {contract.transaction_id: ID, contract.label.name: LABEL}
    sources = {column: target for column, target in contract.sources.items() if target in names}
    sources |= {route: name for name, route in names.items() if route != name}
    return msgspec.structs.replace(
        contract,
        event_time=labelled_at,
        features=(),
        derived=(),
        sources=sources,
        label=_with_classes(contract.label),
    )


def _with_classes(label: LabelColumn) -> LabelColumn:
    positive = listed(label.positive)
    negative = listed(label.negative) or opposites(positive)
    keys = {label_key(value) for value in (*positive, *negative, *label.unlabelled)}
    if keys & {0.0, 1.0}:
        return label
    classes: tuple[tuple[Value, ...], tuple[Value, ...]] = ((*positive, 1), (*negative, 0))
    return msgspec.structs.replace(label, positive=classes[0], negative=classes[1])
