"""The use cases of a server. `add` takes them up: at the start, and when a folder appears later.

Threads and routes keep no list of use cases. They read `scorers` each time, so that all of them
have a use case or none.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.contract import ContractPolicy
from pipelines.settings import Settings
from pipelines.use_case import (
    UseCase,
    chosen,
    keep,
    read_applicable,
    read_contract,
    read_contract_in_force,
    read_in_force,
)
from serving.metrics.metrics import Metrics
from serving.model.contract_cache import ContractCache
from serving.scoring import UseCaseScorer
from serving.wire.row_types import class_name

Scorers = tuple[UseCaseScorer, ...]

log = logging.getLogger(__name__)


class MakeScorer(Protocol):
    """Creates the scorer of a contract; rows of the earlier contracts are accepted too."""

    def __call__(self, contract: Contract, earlier: Sequence[Contract]) -> UseCaseScorer: ...


class UseCases:
    """The scorers of the use cases that are served, and the faults of folders.

    Other threads read `scorers`, `faults` and `in_production` without a lock: each is replaced as a
    whole.
    """

    def __init__(self, settings: Settings, metrics: Metrics, make_scorer: MakeScorer) -> None:
        self.scorers: Scorers = ()
        self.faults: Mapping[str, UseCaseError] = {}
        self.started_with = tuple(chosen(settings.reference, settings.use_cases))
        # Whether the ledger has a version in Production, for use cases that are not served.
        self.in_production: Mapping[str, bool] = {}
        self.contracts = ContractCache(settings.home / "contracts")
        # Makes the routes of scorers before they are served; `serving.app.build` replaces it.
        self.publish: Callable[[Scorers], None] = _publish_nothing
        self._settings = settings
        self._metrics = metrics
        self._make_scorer = make_scorer
        self._graces: dict[str, timedelta] = {}
        self._adding = threading.Lock()
        self._noting = threading.Lock()

    @property
    def names(self) -> list[str]:
        """The use cases of the start, and those that were taken up since."""
        served = [scorer.use_case for scorer in self.scorers]
        return list(dict.fromkeys([*self.started_with, *served]))

    def scorer(self, name: str) -> UseCaseScorer | None:
        """Return the scorer of a use case; None when it is not served."""
        return next((scorer for scorer in self.scorers if scorer.use_case == name), None)

    def add(self, names: Iterable[str], *, new: bool = False) -> None:
        """Take use cases up, and note the faults of those that can't be served.

        At the start a valid contract is enough, or its copy: the use case may have been served
        before. A `new` folder has to be valid as a whole. If the routes can't be made, the error is
        raised and nothing has changed.
        """
        with self._adding:
            former = self.scorers
            scorers = former
            for name in names:
                if all(scorer.use_case != name for scorer in scorers):
                    scorers += self._taken_up(name, scorers, new=new)
            if scorers == former:
                return
            self.publish(scorers)
            if new:
                for scorer in scorers[len(former) :]:
                    self.note(scorer.use_case, None)
            self.scorers = scorers

    def forget(self, name: str) -> None:
        """Forget a use case that is not served and whose folder was removed."""
        with self._adding:
            if self.scorer(name) is None:
                self.started_with = tuple(each for each in self.started_with if each != name)
                self.note(name, None)

    def note(self, name: str, fault: UseCaseError | None, *, served: bool = True) -> None:
        """Store the fault of a folder, None when it has none; each fault is logged once."""
        with self._noting:
            former = self.faults.get(name)
            others = {each: other for each, other in self.faults.items() if each != name}
            self.faults = others if fault is None else {**others, name: fault}
        self._metrics.invalid.labels(name).set(fault is not None)
        if fault is None or str(fault) == str(former):
            return
        if served:
            log.warning("%s: %s", name, fault)
        else:
            log.error("%s is not served: %s", name, fault)

    def unusable(self, name: str) -> UseCaseError | None:
        """Return why a use case is not served; None when it is, or has no folder."""
        return self.faults.get(name) if self.scorer(name) is None else None

    def grace(self, name: str) -> timedelta:
        """Return how long rows of an earlier contract are accepted, as the policy says."""
        return self._graces.get(name, ContractPolicy().grace)

    def reread(self, name: str) -> Contract | None:
        """Read the contract of a use case, and note the fault of its folder.

        None when there is no valid one. Valid files are copied to this server's home, so that a
        later start works even if the folder has become invalid.
        """
        settings = self._settings
        try:
            use_case = read_in_force(
                settings.reference, name, settings.policy_overlay, settings.last_valid
            )
        except UseCaseError as fault:
            contract = None
            # Scoring needs no policy, so a valid contract alone is enough.
            with contextlib.suppress(UseCaseError):
                contract = read_contract_in_force(settings.reference / name, settings.last_valid)
            is_served = contract is not None or self.scorer(name) is not None
            self.note(name, fault, served=is_served)
            return contract
        self.note(name, use_case.warning)
        self._keep(use_case)
        return use_case.contract

    def _taken_up(self, name: str, scorers: Scorers, *, new: bool) -> Scorers:
        """Return the scorer of a use case; empty when it can't be served."""
        accepted = self.contracts.get(name) or self._copied(name)
        try:
            _require_own_names(name, scorers)
            contract = self._read_new(name) if new else self.reread(name)
            if contract is None:
                return ()
            earlier = [former for former in accepted if former.hash != contract.hash]
            scorer = self._make_scorer(contract, earlier)
        except UseCaseError as fault:
            self.note(name, fault, served=False)
            return ()
        self.contracts.put([contract, *earlier])
        scorer.in_production = self.in_production.get(name)
        return (scorer,)

    def _read_new(self, name: str) -> Contract:
        """Read a folder that appeared or was corrected; UseCaseError when a file is invalid."""
        settings = self._settings
        use_case = read_applicable(
            settings.reference, name, settings.policy_overlay, settings.last_valid
        )
        self._keep(use_case)
        return use_case.contract

    def _keep(self, use_case: UseCase) -> None:
        keep(self._settings.last_valid, use_case.name, use_case.texts)
        self._graces[use_case.name] = use_case.policy.contract.grace

    def _copied(self, name: str) -> list[Contract]:
        """Return the contract that was in force at the last start of an older release."""
        with contextlib.suppress(UseCaseError):
            return [read_contract(self._settings.last_valid / name)]
        return []


def _publish_nothing(scorers: Scorers) -> None:
    """No routes are made before the application is built."""


def _require_own_names(name: str, scorers: Scorers) -> None:
    """Raise UseCaseError for a name that would change the routes or schemas of others."""
    if {"{", "}"} & set(name):
        raise UseCaseError(
            f"{name}: braces have a meaning in a route: rename the folder to letters, digits and _"
        )
    for scorer in scorers:
        if class_name(scorer.use_case) == class_name(name):
            raise UseCaseError(
                f"{name}: its schemas at /docs would have the names of those of "
                f"{scorer.use_case}, {class_name(name)}…: rename the folder"
            )
