"""One more proof before the switch: the artefact is what was judged, and its evidence is still what it was."""

import logging
from typing import Any

from pipelines.errors import EvidenceError
from pipelines.steps.shadow_evaluate import gather
from pipelines.stores.replay import Replay
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Fetch the model anew (digest, contract, known answers); of a candidate replay the rows and compare the evidence."""
    if context.params.get("version") is not None:
        return _as_it_was(context)
    decision = context.decisions.get(context.name, context.number("decision_id"))
    evidence = gather(context, decision)
    if evidence.hash != decision.evidence_hash:
        raise EvidenceError(
            f"decision {decision.id}: replaying {len(evidence.labels)} rows gives other evidence than the verdict was made on: "
            "the artefact or the data changed, run the retraining again"
        )
    log.info("replayed %s rows: the evidence of decision %s stands", f"{len(evidence.labels):,}", decision.id)
    return {"decision_id": decision.id, "evidence_hash": evidence.hash}


def _as_it_was(context: Context) -> dict[str, Any]:
    """A former Production is proven to be what it was; its rows were judged then."""
    version = context.number("version")
    Replay(context.settings, context.models.get(context.name, version), context.use_case.contract)
    log.info("version %s is what it was: digest, contract and known answers hold", version)
    return {"version": version}
