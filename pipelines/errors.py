"""Every exception that Sixgate raises on purpose.

SixgateError           an error that the user can resolve; the message names the thing, the value
│                      and the remedy
├── ParameterError     a run parameter that is unknown, or whose value is not permitted
├── UseCaseError       a contract, policy or baseline that is missing or invalid
├── DataError          rows that break the contract, or too few rows
├── SourceUnavailable  a team's database or folder that does not answer; retry later (exit code 1)
├── EvidenceError      a decision, version, snapshot or report that is missing, changed or closed
├── PromotionRefused   a promotion, rollback or review that is not permitted, for example because
│                      the champion or the evidence changed since the verdict
├── PromotionBusy      another promotion of the use case is running; retry later (exit code 1)
├── ModelRejected      a model that must not serve: its digest, contract or known answers differ
├── UnknownPrediction  no prediction has that id
├── JournalFull        the journal can take no more predictions, so none may be answered
├── StackError         a part of the stack that cannot start; the message gives the remedy
└── StepSkipped        not a failure: there is nothing to do; the message says why (exit code 99)
"""


class SixgateError(Exception):
    """An error that the user can resolve."""


class ParameterError(SixgateError):
    """A run parameter that is unknown, or whose value is not permitted."""


class UseCaseError(SixgateError):
    """A contract, policy or baseline that is missing or invalid.

    `key` is the dotted key of the file that is at fault; empty when it is not a single one.
    """

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class DataError(SixgateError):
    """Rows that break the contract, or too few rows."""


class SourceUnavailable(SixgateError):
    """A team's database or folder that does not answer."""


class EvidenceError(SixgateError):
    """A decision, version, snapshot or report that is missing, changed or closed."""


class PromotionRefused(SixgateError):
    """A promotion, rollback or review that is not permitted."""


class PromotionBusy(SixgateError):
    """Another promotion of the use case is running."""


class ModelRejected(SixgateError):
    """A model that must not serve."""


class UnknownPrediction(SixgateError):
    """No prediction has that id."""


class JournalFull(SixgateError):
    """The journal can take no more predictions."""


class StackError(SixgateError):
    """A part of the stack that cannot start."""


class StepSkipped(SixgateError):
    """There is nothing to do; the message says why."""
