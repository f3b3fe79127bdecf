"""`python -m serving.trial MODEL`: scores requests with a model in this server's own code.

It runs before the model serves any caller. MODEL is a folder with the model's files,
`contract.json`, by which the requests are decoded, `model_contract.json`, under which the model was
trained, and `requests.jsonl`. The result is printed as one line of JSON.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numexpr
import uvloop

import serving.app  # noqa: F401  # so that memory includes every module that a worker imports
from pipelines.errors import SixgateError
from pipelines.exit_codes import TRIAL_REJECTED
from pipelines.rules.model.bundle import FILES, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.promotion.serving_trial import ServingTrial
from pipelines.rules.use_case.contract import Contract
from serving.journal.journal import Journal
from serving.metrics.metrics import Metrics
from serving.model.served_model import load
from serving.scoring import UseCaseScorer
from serving.wire.schemas import PredictionOut

# The fastest of these rounds counts per request, because other processes may interrupt the others.
ROUNDS = 3


def run(folder: Path) -> ServingTrial:
    """Load and verify the model as a reload does, then score each request alone, `ROUNDS` times.

    Raises SixgateError if the model or a request is refused.
    """
    files = {name: (folder / name).read_bytes() for name in FILES}
    bodies = (folder / "requests.jsonl").read_bytes().splitlines()
    contract = msgspec.json.decode((folder / "contract.json").read_bytes(), type=Contract)
    own = msgspec.json.decode((folder / "model_contract.json").read_bytes(), type=Contract)
    with tempfile.TemporaryDirectory() as journal_folder:
        journal = Journal(Path(journal_folder), "trial")
        scorer = UseCaseScorer(
            contract=contract,
            journal=journal,
            replica="trial",
            metrics=Metrics(),
        )
        scorer.model = load(files, Served(0, digest(files)), contract, [own])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            scores, seconds = runner.run(_score(scorer, bodies))
    return ServingTrial(
        scores=scores,
        p50=_quantile(seconds, 0.5),
        p99=_quantile(seconds, 0.99),
        rounds=ROUNDS,
        memory=_memory(),
    )


async def _score(scorer: UseCaseScorer, bodies: list[bytes]) -> tuple[list[float], list[float]]:
    """Return the score of each request, and the seconds of its fastest round."""
    scores = [0.0] * len(bodies)
    seconds = [float("inf")] * len(bodies)
    for _ in range(ROUNDS):
        for index, body in enumerate(bodies):
            began = time.perf_counter()
            answer = await scorer.score_row(body)
            elapsed = time.perf_counter() - began
            seconds[index] = min(seconds[index], elapsed)
            prediction = msgspec.json.decode(answer, type=PredictionOut)
            scores[index] = prediction.score
    return scores, seconds


def _quantile(values: Sequence[float], share: float) -> float:
    if not values:
        return 0.0
    index = int(share * (len(values) - 1))
    return sorted(values)[index]


def _memory() -> int:
    """Return the peak memory of this process in bytes.

    On Linux it is not taken from getrusage, which there includes the process that started us.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        _, kilobytes, _ = peak.split()
        return 1024 * int(kilobytes)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    if sys.platform == "darwin":
        return usage.ru_maxrss  # in bytes there, elsewhere in kilobytes
    return 1024 * usage.ru_maxrss


def main() -> None:
    """Print the result; a SixgateError is printed as one line."""
    numexpr.set_num_threads(1)  # as in a worker
    try:
        trial = run(Path(sys.argv[1]))
    except SixgateError as error:
        print(error, file=sys.stderr)
        sys.exit(TRIAL_REJECTED)
    print(msgspec.json.encode(trial).decode())


if __name__ == "__main__":
    main()
