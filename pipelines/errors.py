"""Everything Sixgate raises on purpose.

SixgateError                something a person can act on; the message names the thing, the value and the remedy
├── ParameterError          a run parameter that is unknown, or whose value is not permitted
├── UseCaseError            a contract, policy or baseline that cannot be used
├── DataError               rows that break the contract, or too few of them
├── EvidenceError           a decision, version or snapshot that is not there or no longer what it was
├── PromotionRefused        compare-and-swap lost, or the evidence changed since the verdict
├── PromotionBusy           another promotion of the use case is under way; trying again may help (exit code 1)
├── ModelRejected           an artefact that may not serve: digest, contract or known answers do not hold
├── UnknownPrediction       no prediction has that id
├── JournalFull             the journal's disk bound is reached; nothing more may be answered
├── StackError              a part of the stack that cannot start, with what to do about it
└── StepSkipped             not a failure: there is nothing to do, and the reason says why (exit code 99)
"""


class SixgateError(Exception):
    """Something a person can act on."""


class ParameterError(SixgateError):
    """A run parameter that is unknown, or whose value is not permitted."""


class UseCaseError(SixgateError):
    """A contract, policy or baseline that cannot be used."""


class DataError(SixgateError):
    """Rows that break the contract, or too few of them."""


class EvidenceError(SixgateError):
    """A decision, version or snapshot that is not there or no longer what it was."""


class PromotionRefused(SixgateError):
    """Compare-and-swap lost, or the evidence changed since the verdict."""


class PromotionBusy(SixgateError):
    """Another promotion of the use case is under way."""


class ModelRejected(SixgateError):
    """An artefact that may not serve."""


class UnknownPrediction(SixgateError):
    """No prediction has that id."""


class JournalFull(SixgateError):
    """The journal's disk bound is reached."""


class StackError(SixgateError):
    """A part of the stack that cannot start."""


class StepSkipped(SixgateError):
    """There is nothing to do, and the reason says why."""
