"""One call of a module: what it was given, and what it returned, in whatever shape."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

from torch import Tensor, nn

Edit = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Call:
    """One call of a module: its arguments, and what it returned."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    @classmethod
    def of(cls, module: nn.Module, args: tuple[Any, ...], kwargs: Any, output: Any) -> "Call":
        """The call of a module, all arguments but the first under their names."""
        names = _parameters(type(module).forward)[1 : len(args)] if len(args) > 1 else ()
        if len(names) < len(args) - 1:
            return cls(args, kwargs, output)
        return cls(args[:1], {**dict(zip(names, args[1:], strict=True)), **kwargs}, output)

    @property
    def input(self) -> Tensor:
        """The first tensor among the arguments, or the hidden states by name."""
        tensors = [arg for arg in self.args if isinstance(arg, Tensor)]
        found: Tensor = tensors[0] if tensors else self.kwargs[self._named_input]
        return found

    @property
    def has_input(self) -> bool:
        """Whether there is a tensor among the arguments."""
        return any(isinstance(one, Tensor) for one in (*self.args, *self.kwargs.values()))

    @property
    def _named_input(self) -> str:
        """The argument by name that holds what the module works on."""
        usual = "hidden_states"
        if usual in self.kwargs:
            return usual
        return next(name for name, value in self.kwargs.items() if isinstance(value, Tensor))

    @property
    def values(self) -> tuple[Any, ...]:
        """Everything that was returned: the values of a tuple or of fields, or a single one."""
        return _parts(self.output)

    @property
    def value(self) -> Tensor:
        """The value returned; of several the first that is a tensor."""
        found: Tensor = next(value for value in self.values if isinstance(value, Tensor))
        return found

    @property
    def pattern(self) -> Tensor | None:
        """The attention pattern [batch, head, query, key] among what was returned."""
        return next((value for value in self.values if is_pattern(value)), None)

    def with_input(self, value: Tensor) -> "Call":
        """The same call on another input."""
        if any(isinstance(arg, Tensor) for arg in self.args):
            at = next(i for i, arg in enumerate(self.args) if isinstance(arg, Tensor))
            return replace(self, args=(*self.args[:at], value, *self.args[at + 1 :]))
        return self.with_argument(self._named_input, value)

    def with_value(self, edit: Edit) -> Any:
        """The values returned, with the first tensor edited."""
        return _edited_first(self.output, edit)

    def with_argument(self, name: str, value: Any) -> "Call":
        """The same call with another argument of that name."""
        return replace(self, kwargs={**self.kwargs, name: value})


@cache
def _parameters(forward: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the arguments that a module's forward takes by place; none if it takes any."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


def is_pattern(value: object) -> bool:
    """Whether a value is what a softmax over keys makes: shares [batch, head, query, key]."""
    if not isinstance(value, Tensor) or value.ndim != 4 or not value.is_floating_point():
        return False
    # Sinks may have taken a share.
    return bool((value >= 0).all() and (value.sum(-1) < 1 + 1e-6).all())


def _parts(output: Any) -> tuple[Any, ...]:
    if isinstance(output, tuple | list):
        return tuple(output)
    if isinstance(output, Mapping):
        return tuple(output.values())
    if is_dataclass(output):
        return tuple(getattr(output, field.name) for field in fields(output))
    return (output,)


def _edited_first(output: Any, edit: Edit) -> Any:
    if isinstance(output, Tensor):
        return edit(output)
    if isinstance(output, tuple | list):
        at = next(i for i, value in enumerate(output) if isinstance(value, Tensor))
        return type(output)((*output[:at], edit(output[at]), *output[at + 1 :]))
    names = list(output) if isinstance(output, Mapping) else [f.name for f in fields(output)]
    values = dict(zip(names, _parts(output), strict=True))
    name = next(name for name, value in values.items() if isinstance(value, Tensor))
    return type(output)(**{**values, name: edit(values[name])})
