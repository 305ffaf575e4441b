"""An activation that a hook of TL should show, and HF's value of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from adaptergen.language.factor import value_of
from adaptergen.spec.model import Spec
from adaptergen.verify.call import Call
from adaptergen.verify.hf import HfModel
from adaptergen.verify.pattern import shares, softmax_of_keys

Part = Literal["stream", "norm", "attention", "mlp"]


@dataclass(frozen=True)
class Stage:
    """One activation: the hook that shows it, HF's value, and the claim that decides it.

    `view` is applied to the hook's value before comparing. Of a stage without `exact` only the
    shape is compared, since HF has no such value. The hook fires `times` times in a pass; the
    last value counts.
    """

    hook: str
    part: Part
    claim: str
    theirs: Tensor
    layer: int | None = None
    exact: bool = True
    view: Callable[[Tensor], Tensor] = lambda value: value
    times: int = 1

    @property
    def name(self) -> str:
        """The hook's full name."""
        return self.hook if self.layer is None else f"blocks.{self.layer}.{self.hook}"


@dataclass(frozen=True)
class Layer:
    """One layer of the HF model in the main pass."""

    hf: HfModel
    spec: Spec
    path: str
    number: int

    def call(self, path: str = "") -> Call:
        """The call of the layer, or of a part of it."""
        return self.hf.call(f"{self.path}.{path}" if path else self.path)

    @property
    def pattern(self) -> Tensor:
        """The attention pattern [batch, head, query, key], of which sinks have their share."""
        attention = self.spec.attention
        return shares(self.hf, f"{self.path}.{attention.path}", attention.sinks)

    @property
    def softmax_of_keys(self) -> Tensor:
        """The softmax of the attention scores [batch, head, query, key], which sinks are not in."""
        if self.spec.attention.sinks is None:
            return self.pattern
        return softmax_of_keys(self.hf, f"{self.path}.{self.spec.attention.path}")

    def stage(
        self, hook: str, part: Part, claim: str, theirs: Tensor, *, exact: bool = True,
        view: Callable[[Tensor], Tensor] = lambda value: value,
    ) -> Stage:  # fmt: skip
        """A stage of this layer."""
        return Stage(hook, part, claim, theirs, self.number, exact, view)

    @property
    def residual_scale(self) -> float:
        """The factor of the outputs of attention and MLP on their way to the stream."""
        factor = self.spec.multipliers.residual
        return 1.0 if factor is None else value_of(factor, self.hf.config)
