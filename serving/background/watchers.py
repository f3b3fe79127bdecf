"""The watchers of each use case that is served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.background.contract_watcher import ContractWatcher
from serving.background.model_watcher import ModelWatcher
from serving.scoring import UseCaseScorer


@dataclass(frozen=True)
class UseCaseWatchers:
    """The watchers of one use case: of its model, and of its contract's file."""

    model: ModelWatcher
    contract: ContractWatcher


class Watchers:
    """Makes the watchers of each scorer once, when it is seen first; for one thread.

    It asks for the scorers each time, so that a scorer that is served always has its watchers.
    """

    def __init__(
        self,
        scorers: Callable[[], Sequence[UseCaseScorer]],
        make: Callable[[UseCaseScorer], UseCaseWatchers],
    ) -> None:
        self._scorers = scorers
        self._make = make
        self._made: dict[UseCaseScorer, UseCaseWatchers] = {}

    def __call__(self) -> list[UseCaseWatchers]:
        """Return the watchers of the use cases that are served now."""
        return [self._of(scorer) for scorer in self._scorers()]

    def _of(self, scorer: UseCaseScorer) -> UseCaseWatchers:
        if scorer not in self._made:
            self._made[scorer] = self._make(scorer)
        return self._made[scorer]
