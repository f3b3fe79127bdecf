"""Candidates without training, their promotion by the step, and an MLflow that can be stopped."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipelines.context import Context, context
from pipelines.rules.promotion.eligibility import promotion_id
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.stores.model_registry import Account
from stack.registry_server.access import STEPS
from stack.temporary_services import draw_passwords, free_port, mlflow, sign_in
from tests.unit.serving import made

NOTHING_TO_TELL = Account(params={}, metrics={}, below=(), figures={}, card="")


class Lifecycle:
    """Approved candidates without training, their promotion by the step, and an MLflow that can be stopped."""

    def __init__(self, folder: Path, database_url: str, *, root: Path = ROOT) -> None:
        self.mlflow_home, self._port = folder / "mlflow", free_port()
        self.mlflow_home.mkdir()
        self.mlflow_uri, self._passwords = f"http://127.0.0.1:{self._port}", draw_passwords()
        self.account = sign_in(self._passwords)
        self.settings = Settings(
            root=root,
            home=folder / "steps",
            database_url=database_url,
            mlflow_tracking_uri=self.mlflow_uri,
            mlflow_tracking_username=STEPS,
            mlflow_tracking_password=self._passwords.steps,
        )
        self._running = contextlib.ExitStack()

    def start_mlflow(self) -> None:
        self._running.enter_context(mlflow(self.mlflow_home, self._port, self._passwords))

    def stop_mlflow(self) -> None:
        self._running.close()

    @contextlib.contextmanager
    def step(self, run_id: str, use_case: str = "fraud", **params: int) -> Iterator[Context]:
        wired = context(self.settings, use_case, run_id, datetime.now(UTC), params=params)
        try:
            yield wired
        finally:
            wired.close()

    def candidate(
        self, run_id: str, *, bias: float, contract: Contract = made.FRAUD
    ) -> tuple[int, int]:
        """Register a model and approve it against today's champion: its decision and its version."""
        use_case = contract.use_case
        slopes = [0.001] + [0.0] * (len(contract.columns) - 1)
        nothing = [0.0] * len(slopes)
        trained = {"slopes": slopes, "intercept": bias, "medians": nothing, "means": nothing}
        files = made.files(contract, bias=bias) | {"explain.json": json.dumps(trained).encode()}
        digest = made.served(files).digest
        with self.step(run_id, use_case) as wired:
            now = champion(wired.ledger.recent(use_case))
            wired.registry.ensure(use_case)
            registered = wired.registry.register(
                use_case, run_id, files=files, account=NOTHING_TO_TELL, tags={"digest": digest},
                example=np.zeros((1, len(contract.columns)), np.float32), columns=contract.columns, label="label", data=(),
            )  # fmt: skip
            wired.models.record_contract(contract)
            wired.models.record(
                use_case=use_case, version=registered.version, run_id=run_id, mlflow_run_id=registered.mlflow_run_id,
                kind="logistic", digest=digest, contract_hash=contract.hash, threshold=made.THRESHOLD, metrics={},
                data_hash="none",
            )  # fmt: skip
            wired.decisions.open(
                use_case, run_id, trigger="MANUAL", requested_by=None, reason=None, params={}, as_of=datetime.now(UTC),
                policy={}, git_sha=None,
            )  # fmt: skip
            wired.decisions.set_dataset(
                use_case,
                run_id,
                dataset={},
                evidence_source="REFERENCE",
                champion_version=now.version if now else None,
            )
            wired.decisions.set_challenger(use_case, run_id, registered.version)
            decision = wired.decisions.decide(
                use_case, run_id, verdict="APPROVED", reason="test", evidence_hash=run_id
            )
        return decision.id, registered.version

    def promote(self, decision: int, use_case: str = "fraud") -> str:
        with self.step(f"promotion-{decision}", use_case, decision_id=decision) as wired:
            return str(perform("promote", wired)["state"])

    def states(self, decision: int) -> list[str]:
        with self.step("looking") as wired:
            return [entry.state for entry in wired.ledger.of(promotion_id("fraud", decision))]

    def alert_about(self, version: int | None) -> int:
        """Open an alert about a version, or about none; its id."""
        with self.step("looking") as wired:
            alert = wired.alerts.raise_(
                "fraud",
                cause="performance" if version else "data_quality",
                severity="ALERT",
                message="test",
                model_version=version,
            )
        return alert.id

    def resolution(self, alert_id: int) -> str | None:
        """Why an alert was resolved; None while it is open."""
        with self.step("looking") as wired:
            alert = wired.alerts.find(alert_id)
        assert alert is not None
        assert (alert.resolution is None) == (alert.state != "RESOLVED")
        return alert.resolution

    def alias(self) -> int:
        """What MLflow calls Production."""
        with self.step("looking") as wired:
            return int(
                wired.registry._client.get_model_version_by_alias("fraud", "production").version
            )

    def production(self) -> int | None:
        """What alias and ledger call Production, which has to be the same."""
        with self.step("looking") as wired:
            now = champion(wired.ledger.recent("fraud"))
        alias = self.alias()
        assert now and now.version == alias
        return alias
