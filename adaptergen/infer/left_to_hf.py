"""Parts left to HF, each with the reason: no facet describes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from adaptergen.infer.tiny_model import UnexplainedError
from adaptergen.verify.once import MissingError, UnavailableError, is_memory, one_line
from adaptergen.verify.record import CheckResult

# Groups of checks that a wrong idea of attention fails first.
_OF_ATTENTION = ("boot", "forward", "hooks", "cache")
# The part of a model that a claim is about, by how the claim begins.
_PARTS = {
    "attention": "attention",
    "mlp": "mlp",
    "side_mlp": "mlp",
    "block": "block",
    "multipliers": "block",
}
_COSTS = {
    "projections": "hooks on rotated queries and keys and the input of single heads do not fire;"
    " nor do those on scores where several softmaxes make the pattern",
    "attention": "inside of attention no hook fires",
    "mlp": "inside of the MLP no hook fires",
    "block": "hooks of a block do not add up to its output",
}


@dataclass(frozen=True)
class LeftToHf:
    """Reasons by what is left to HF; empty where TL computes the part.

    `projections` leaves attention to HF between its projections, `attention` as one piece; `block`
    leaves to it what a block's own parameters do to the residual stream.
    """

    projections: str = ""
    attention: str = ""
    mlp: str = ""
    block: str = ""

    def conceding(self, part: str, reason: str) -> "LeftToHf | None":
        """The same and one more, None if nothing is left of that part to concede."""
        steps = ("projections", "attention") if part == "attention" else (part,)
        for step in steps:
            if step in _COSTS and not getattr(self, step):
                # The reason why one piece of attention is not enough is not what a reader wants.
                said = self.projections if step == "attention" else reason
                return replace(self, **{step: said})
        return None

    @property
    def made(self) -> list[tuple[str, str]]:
        """Each reason with the hooks that it costs."""
        reasons = {step: getattr(self, step) for step in _COSTS}
        if self.attention:
            del reasons["projections"]
        return [(reason, _COSTS[step]) for step, reason in reasons.items() if reason]


NOTHING = LeftToHf()


@contextmanager
def blaming(part: str) -> Iterator[None]:
    """Errors meanwhile count as not explained, and as about that part of the model.

    Raises:
        UnexplainedError: in place of any exception; models differ without limit.
    """
    try:
        yield
    except UnexplainedError as error:
        raise UnexplainedError(str(error), error.part or part) from None
    except UnavailableError as error:
        raise _failed(error.reason.removeprefix("UnexplainedError: "), part) from None
    except MissingError as error:
        raise UnexplainedError(str(error), part) from None
    except Exception as error:
        raise _failed(f"a probe raised {one_line(error)}", part) from error


def _failed(reason: str, part: str) -> UnexplainedError:
    if is_memory(reason):
        reason = "looking at it takes more memory than there is; --memory allows more"
    return UnexplainedError(reason, part)


def blamed(failures: Sequence[CheckResult]) -> str:
    """The part of a model that failed checks are about, empty for none."""
    for result in failures:
        part = _PARTS.get(result.claim.partition(".")[0], "")
        if part:
            return part
    return "attention" if any(result.group in _OF_ATTENTION for result in failures) else ""
