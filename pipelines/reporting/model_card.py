"""The model card: what a version is, from what, how good, and what it is not for."""

from dataclasses import dataclass

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy import Threshold, Training

CARD = """\
# {title}: {kind}

Gives each transaction the probability that `{label}` is {positive!r}, from {columns} features.

- **Trained on** {rows:,} rows, {positives:,} of them positive, {window}
{warnings}- **Names** dataset `{data_hash}`, contract `{contract}`, commit `{sha}`
- **Parameters** {params}; the best of {tried} tried, by average precision on {folds} folds forward in time, seed {seed}
- **Calibration** {calibration}
- **Operating threshold** {threshold:.4f}: {rule}

{table}

These are the newest training rows, scored by models that did not see them. They chose the kind, the calibration and the
threshold, so they flatter; whether it is better than what serves is the six gates' affair: see the decision of this run.

Not for rows beyond the contract's ranges, which the scoring server refuses, and not for use without monitoring for drift.
"""


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a model was trained on: `window` in words, `hash` its dataset's name, `warnings` its validation's."""

    rows: int
    positives: int
    window: str
    hash: str
    warnings: tuple[str, ...] = ()


def model_card(
    contract: Contract, candidates: list[Candidate], training: Training, data: Data, git_sha: str
) -> str:
    """Markdown about the first of the candidates; the others are compared with it."""
    candidate = candidates[0]
    params = ", ".join(f"{name} {_short(value)}" for name, value in candidate.params.items())
    return CARD.format(
        title=contract.title, kind=candidate.kind, label=contract.label.name, positive=contract.label.positive,
        columns=len(contract.columns), rows=data.rows, positives=data.positives, window=data.window, data_hash=data.hash,
        contract=contract.hash[:12], sha=git_sha[:12], params=params, tried=len(candidate.trials), folds=training.folds,
        seed=training.seed, calibration=_calibration(candidate.calibration), threshold=candidate.threshold,
        rule=_rule(training.threshold), table=_table(candidates),
        warnings="".join(f"- **Warning** {warning}\n" for warning in data.warnings),
    )  # fmt: skip


def _table(candidates: list[Candidate]) -> str:
    names = list(candidates[0].metrics)
    lines = [["candidate", *names], ["---"] * (1 + len(names))]
    for candidate in candidates:
        name = f"**{candidate.kind}**" if candidate is candidates[0] else candidate.kind
        lines.append([name, *(f"{candidate.metrics[metric]:.4f}" for metric in names)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _calibration(calibration: Calibration) -> str:
    if calibration == Calibration():
        return "none: Platt scaling did not lower the Brier score"
    return f"Platt scaling, log-odds {calibration.a:.4f} · margin {calibration.b:+.4f}"


def _rule(threshold: Threshold) -> str:
    if threshold.metric == "f1":
        return "the best F1"
    return f"the least cost, where a miss costs {threshold.miss:g} and a false alarm {threshold.false_alarm:g}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
