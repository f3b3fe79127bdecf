"""The model card: what a model version is, how it was trained, how good it is, and its limits."""

from dataclasses import dataclass

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.training import Threshold, Training

CARD = """\
# {title}: {kind}

Estimates the probability that `{label}` is {positive!r} for each transaction, from {columns}
features.

- **Trained on** {rows:,} rows, {positives:,} of them positive, {window}
{directions}{warnings}- **Identifiers** dataset `{data_hash}`, contract `{contract}`, commit `{sha}`
- **Parameters** {params}; the best of {tried} trials by average precision, on {folds} folds forward
  in time, seed {seed}
- **Calibration** {calibration}
- **Operating threshold** {threshold:.4f}: {rule}

{table}

These metrics are optimistic: they were computed on data used for model selection. The rows are the
newest training rows, scored by models that did not see them; they also selected the kind of model,
the calibration and the threshold. The six gates decide whether the model is better than the
champion: see the decision of this run.

Not for rows outside the contract's ranges, which the scoring server refuses, and not for use
without drift monitoring.
"""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A model's training data.

    `window` describes the period as text, `hash` names the dataset, and `warnings` are those of
    the data validation and of the training.
    """

    rows: int
    positives: int
    window: str
    hash: str
    warnings: tuple[str, ...] = ()


def model_card(
    contract: Contract, candidates: list[Candidate], training: Training, data: Data, git_sha: str
) -> str:
    """Markdown about the first of the candidates, compared with the others."""
    candidate = candidates[0]
    params = candidate.params.items()
    warnings = [f"- **Warning** {warning}\n" for warning in data.warnings]
    return CARD.format(
        title=contract.title,
        kind=candidate.kind,
        label=contract.label.name,
        positive=contract.label.positive,
        columns=len(contract.columns),
        rows=data.rows,
        positives=data.positives,
        window=data.window,
        data_hash=data.hash,
        contract=contract.hash[:12],
        sha=git_sha[:12],
        params=", ".join(f"{name} {_short(value)}" for name, value in params),
        tried=len(candidate.trials),
        folds=training.folds,
        seed=training.seed,
        calibration=_calibration(candidate.calibration),
        threshold=candidate.threshold,
        rule=_rule(training.threshold),
        table=_table(candidates),
        directions=_directions(contract),
        warnings="".join(warnings),
    )


def _directions(contract: Contract) -> str:
    """One line about the features that may move the score in one direction only."""
    columns = [(feature.name, feature.monotone) for feature in contract.features]
    columns += [(feature.name, feature.monotone) for feature in contract.derived]
    named = [f"{name} {monotone}" for name, monotone in columns if monotone != "none"]
    return f"- **Directions of the score** {', '.join(named)}\n" if named else ""


def _table(candidates: list[Candidate]) -> str:
    names = list(candidates[0].metrics)
    header = ["candidate", *names]
    lines = [
        _table_line(header),
        _table_line(["---"] * len(header)),
    ]
    for candidate in candidates:
        is_first = candidate is candidates[0]
        name = f"**{candidate.kind}**" if is_first else candidate.kind
        metrics = [f"{candidate.metrics[metric]:.4f}" for metric in names]
        lines.append(_table_line([name, *metrics]))
    return "\n".join(lines)


def _table_line(cells: list[str]) -> str:
    line = " | ".join(cells)
    return f"| {line} |"


def _calibration(calibration: Calibration) -> str:
    if calibration == Calibration():
        return "none: Platt scaling did not lower the Brier score"
    return f"Platt scaling, log-odds {calibration.a:.4f} · margin {calibration.b:+.4f}"


def _rule(threshold: Threshold) -> str:
    if threshold.metric == "f1":
        return "the best F1"
    if threshold.per_day is not None:
        return (
            "the lowest with which no day of the newest training rows has more than "
            f"{threshold.per_day:,} flagged rows"
        )
    if threshold.per_share is not None:
        share = f"{threshold.per_share:.2%}"
        return f"the lowest with which at most {share} of the newest training rows are flagged"
    return (
        f"the lowest cost, where a miss costs {threshold.miss:g} "
        f"and a false alarm {threshold.false_alarm:g}"
    )


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
