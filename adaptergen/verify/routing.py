"""Return values of HF's routers, in the forms that its classes have had."""

from typing import Any, NamedTuple

from torch import Tensor

from adaptergen.verify.once import MissingError


class Routed(NamedTuple):
    """Logits [token, expert], and weights and numbers [token, choice] of the experts chosen.

    Both are None of routers that leave the choice to the module around them.
    """

    logits: Tensor
    weights: Tensor | None = None
    experts: Tensor | None = None

    @property
    def choice(self) -> Tensor:
        """The experts of each token in ascending order; all from the least, where none is made."""
        if self.experts is not None:
            return self.experts.sort()[0]
        return self.logits.argsort(-1)


def routed(results: Any) -> Routed:
    """The return value of a router: logits, alone or with weights and numbers in either order.

    Raises:
        MissingError: if that is something else.
    """
    parts = [results] if isinstance(results, Tensor) else list(results)
    kinds = [isinstance(part, Tensor) and part.is_floating_point() for part in parts]
    if kinds in ([True], [True, True, False]):
        return Routed(*parts)
    if kinds == [True, False, True]:
        logits, experts, weights = parts
        return Routed(logits, weights, experts)
    raise MissingError("HF's router does not return logits, alone or with weights and numbers")
