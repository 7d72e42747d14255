"""The errors that breakfix tells people about, each with the exit code that it leads to.

::

    BreakfixError                       5  anything that ends a command with a message
    ├── UsageError                      2  the command line asks for what cannot be
    │   ├── DocumentError               2  a file has problems; carries every one of them
    │   ├── PlanError                   2  no plan can be made: an empty set, a conflict of claims
    │   ├── DriftError                  2  what was planned is no longer what is there
    │   └── PreconditionError           2  a target is not in the state that an action needs
    ├── EngineError                     5  a Docker engine, or another helper, cannot be used
    │   ├── EngineUnavailable           5  nothing answers
    │   ├── PermissionRefused           5  it answers, but not to us
    │   └── TargetVanished              5  a target that was there is gone
    ├── HistoryError                    5  the database of past runs cannot be written or read
    ├── JournalError                    5  the journal cannot be written or read
    ├── ExpressionError                 5  an expression could not be evaluated at bind
    └── VehicleError                    5  an op could not be tried, or its outcome is unknown
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from breakfix.engine.model import Problem


class BreakfixError(Exception):
    """An error for people: one sentence of what happened, and one of what to do about it."""

    exit_code = 5

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class UsageError(BreakfixError):
    """The command line asks for what cannot be."""

    exit_code = 2


class DocumentError(UsageError):
    """A file has problems; `problems` holds every one of them, in the order of the file."""

    def __init__(self, problems: "Sequence[Problem]") -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class PlanError(UsageError):
    """No plan can be made of a valid scenario."""


class DriftError(UsageError):
    """What was planned is no longer what is there."""


class PreconditionError(UsageError):
    """A target is not in the state that an action needs.

    `code` is the catalogue's number of the error, such as ``D104``. The text follows one form:
    ``D104 container db is paused already. Fix: unpause it first``.
    """

    def __init__(self, code: str, message: str, *, fix: str) -> None:
        super().__init__(f"{code} {message}.", hint=f"Fix: {fix}")
        self.code = code


class EngineError(BreakfixError):
    """A Docker engine, or another thing outside of the scenario, cannot be used."""


class EngineUnavailable(EngineError):
    """Nothing answers at the endpoint."""


class PermissionRefused(EngineError):
    """The endpoint refuses us."""


class TargetVanished(EngineError):
    """A target that was resolved is no longer there."""


class HistoryError(BreakfixError):
    """The database of past runs cannot be written or read."""


class JournalError(BreakfixError):
    """The journal cannot be written, or is not a journal."""


class ExpressionError(BreakfixError):
    """An expression could not be evaluated when its step was bound."""


class VehicleError(BreakfixError):
    """An op could not be tried at all, or nobody knows whether it took effect."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group of errors, however deep; of any other error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
