"""Things that many checks need: each is made once, and its failure is remembered."""

import inspect
import traceback
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from torch import Tensor

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
    """A thing that could not be made, and why.

    No exception: one holds on to whatever its callers had in hand.
    """

    what: str
    reason: str


def is_memory(reason: str) -> bool:
    """Whether there was not enough memory, in Python's words or torch's."""
    return "MemoryError" in reason or "allocate memory" in reason


class Made:
    """Things made for an owner, or why they could not be, by all that they were made from."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T], what: Callable[[], str], source: str) -> T:
        """The result of `make`, of the first time for the same key.

        Raises:
            UnavailableError: if it raised; `source` is the file whose lines the reason may name.
        """
        if key not in self._made:
            try:
                self._made[key] = make()
            except UnavailableError as error:
                self._made[key] = _Failed(error.what, error.reason)
            except (Exception, SystemExit) as error:
                self._made[key] = _Failed(what(), one_line(error, source))
        made = self._made[key]
        if isinstance(made, _Failed):
            raise UnavailableError(*made) from None
        result: T = made
        return result


class Owner(Protocol):
    """An owner of things that are made once: a model or a subject. They live as long as it does."""

    made: Made


Own = TypeVar("Own", bound=Owner)
P = ParamSpec("P")


def once(
    what: str,
) -> Callable[[Callable[Concatenate[Own, P], T]], Callable[Concatenate[Own, P], T]]:
    """Let a function compute once for its owner, the first argument, and each set of the others.

    The function and the values of all arguments are the key, and a function may depend on nothing
    else: one that is made inside of another, and could see its names, is refused. `what` is what
    the function makes, in words with the names of arguments in braces: said where it fails.

    Raises:
        TypeError: if the function is made inside of another one.
    """

    def remembering(
        function: Callable[Concatenate[Own, P], T],
    ) -> Callable[Concatenate[Own, P], T]:
        if function.__closure__ or "<" in function.__qualname__:
            raise TypeError(f"{function.__qualname__} could depend on more than its arguments")
        signature = inspect.signature(function)

        @wraps(function)
        def remembered(owner: Own, /, *args: P.args, **kwargs: P.kwargs) -> T:
            def shown() -> str:
                return what.format_map(signature.bind(owner, *args, **kwargs).arguments)

            key = (function, *map(by_value, args), by_value(kwargs))
            source = getattr(owner, "module_path", "")
            return owner.made.get(key, lambda: function(owner, *args, **kwargs), shown, source)

        return remembered

    return remembering


def by_value(value: Any) -> Hashable:
    """A value as a key: equal for equal values of the same type, whatever they are kept in.

    Raises:
        TypeError: for a function that sees names of another one.
    """
    if isinstance(value, Mapping):
        return frozenset((by_value(key), by_value(held)) for key, held in value.items())
    if isinstance(value, Tensor):
        return Tensor, value.shape, value.dtype, value.numpy(force=True).tobytes()
    if isinstance(value, partial):
        return partial, by_value(value.func), by_value(value.args), by_value(value.keywords)
    if is_dataclass(value) and not isinstance(value, type):
        held = (getattr(value, field.name) for field in fields(value))
        return type(value), *map(by_value, held)
    if isinstance(value, list | tuple):
        return type(value), *map(by_value, value)
    if getattr(value, "__closure__", None):
        raise TypeError(f"{value.__qualname__} could depend on more than its arguments")
    # What compares equal may not be the same: 1 and True build different models.
    return type(value), value


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
