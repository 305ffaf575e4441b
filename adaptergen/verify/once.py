"""Things that many checks need: each is made once, and its failure is remembered."""

import traceback
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_WIDTH = 240


class UnavailableError(Exception):
    """Something that a check needs could not be made."""

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what}: {reason}")


class MissingError(LookupError):
    """Something that should be there is not; the message says so in full."""


class _Failed(NamedTuple):
    """What could not be made, and why.

    No exception: one holds on to whatever its callers had in hand.
    """

    what: str
    reason: str


class Once:
    """Keeps what was made under a name; a second request gets the same object or the same error."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def get(self, what: str, make: Callable[[], T], source: str = "") -> T:
        """What `make` returns, or returned the first time.

        Raises:
            UnavailableError: if it raised; `source` is the file whose lines the reason may name.
        """
        if what not in self._made:
            try:
                self._made[what] = make()
            except UnavailableError as error:
                self._made[what] = _Failed(error.what, error.reason)
            except (Exception, SystemExit) as error:
                self._made[what] = _Failed(what, one_line(error, source))
        made = self._made[what]
        if isinstance(made, _Failed):
            raise UnavailableError(*made) from None
        result: T = made
        return result


def one_line(error: BaseException, source: str = "") -> str:
    """An exception in one line, with the last line of the file `source` that it passed through."""
    text = " ".join(str(error).split())
    if isinstance(error, MissingError):
        return text
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    message = message if len(message) <= _WIDTH else f"{message[:_WIDTH]}..."
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if source and frame.filename == source]
    return f"{message} (line {lines[-1]} of the module)" if lines else message


class NotApplicableError(Exception):
    """The check says nothing about this subject; the message says why."""
