"""What came back: statuses, latencies and failures of one run."""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.fuzz.requests.wire import Sent

MOST_FAILURES = 20  # failures that are kept; the others are only counted


@dataclass
class Failure:
    """A request without a response, or with a wrong one."""

    number: int
    kind: str
    reason: str
    wire: bytes


@dataclass
class Report:
    """The responses of one run."""

    seed: int
    sent: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # of valid predictions, in milliseconds

    def fail(self, number: int, sent: Sent, reason: str) -> None:
        """Count a failure."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Failure(number, sent.kind, reason, sent.wire))

    @property
    def server_errors(self) -> int:
        """The number of responses with a status of 500 and more."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def described(self) -> str:
        """Return a line per failure, with the options that send the request again."""
        lines = [f"{self.failed} of {self.sent} requests failed (seed {self.seed})"]
        for failure in self.failures:
            options = f"--seed {self.seed} --only {failure.number}"
            request = f"{failure.wire[:300]!r}"
            lines.append(f"{options}: {failure.kind}: {failure.reason}: {request}")
        return "\n".join(lines)
