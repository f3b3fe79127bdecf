"""`python -m serving.trial MODEL`: a model scores requests in this server's own code before anyone is served by it.

MODEL is a folder with the model's files, `contract.json` and `requests.jsonl`. Prints one line of JSON.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

import serving.app  # noqa: F401  # what a worker holds in memory
from pipelines.errors import SixgateError
from pipelines.rules.model.bundle import FILES, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.promotion.serving_trial import REFUSED, ServingTrial
from pipelines.rules.use_case.contract import Contract
from serving.journal.journal import Journal
from serving.metrics.metrics import Metrics
from serving.model.served_model import load
from serving.scoring import UseCaseScorer
from serving.wire.schemas import PredictionOut

ROUNDS = 3  # of which each request's least time counts: another process's turn is not the model's


def attempt(model: Path) -> ServingTrial:
    """Prove the model as a reload does, then answer each request alone, some times over; SixgateError if one is refused."""
    files = {name: (model / name).read_bytes() for name in FILES}
    bodies = (model / "requests.jsonl").read_bytes().splitlines()
    contract = msgspec.json.decode((model / "contract.json").read_bytes(), type=Contract)
    with tempfile.TemporaryDirectory() as journal:
        scorer = UseCaseScorer(contract, Journal(Path(journal), "trial"), "trial", Metrics())
        scorer.model = load(files, Served(0, digest(files)), contract)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            scores, seconds = runner.run(_answers(scorer, bodies))
    ordered = sorted(seconds)
    p50, p99 = (
        ordered[int(share * (len(ordered) - 1))] if ordered else 0.0 for share in (0.5, 0.99)
    )
    return ServingTrial(scores=scores, p50=p50, p99=p99, rounds=ROUNDS, memory=_memory())


async def _answers(scorer: UseCaseScorer, bodies: list[bytes]) -> tuple[list[float], list[float]]:
    """Scores, and each request's least time."""
    scores, seconds = [0.0] * len(bodies), [float("inf")] * len(bodies)
    for _ in range(ROUNDS):
        for at, body in enumerate(bodies):
            begun = time.perf_counter()
            answer = await scorer.one(body)
            seconds[at] = min(seconds[at], time.perf_counter() - begun)
            scores[at] = msgspec.json.decode(answer, type=PredictionOut).score
    return scores, seconds


def _memory() -> int:
    """The most that this process held, in bytes. Where Linux tells, not by getrusage: there it counts what started us too."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            1024 * int(line.split()[1])
            for line in status.read_text().splitlines()
            if line.startswith("VmHWM")
        )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main() -> None:
    """Print the trial; what a person can mend is one line."""
    try:
        print(msgspec.json.encode(attempt(Path(sys.argv[1]))).decode())
    except SixgateError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
