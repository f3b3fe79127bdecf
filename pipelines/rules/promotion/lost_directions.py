"""Whether a model was trained with the directions that the contract in force declares."""

from pipelines.rules.use_case.contract import Contract


def why_undirected(own: Contract, contract: Contract) -> str | None:
    """Return the columns whose direction a model's own contract lacks; None without one.

    A column that the model does not have can't move its score.
    """
    trained = dict(zip(own.columns, own.directions, strict=True))
    lost = [
        name
        for name, direction in zip(contract.columns, contract.directions, strict=True)
        if direction and trained.get(name, direction) != direction
    ]
    if not lost:
        return None
    return f"it was trained without the contract's direction (`monotone`) of {', '.join(lost)}"
