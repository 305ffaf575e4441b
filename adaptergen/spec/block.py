"""The order of norms, attention and MLP in a block.

Roles are TL's: ln1 and ln2 feed attention and MLP, ln1_post and ln2_post sit on their outputs.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from adaptergen.language.facet import Facet
from adaptergen.language.values import ConfigKey, Decided, LeavingOutNull, PartName

_LN1 = Field(description="Norm whose output feeds attention.")
_LN2 = Field(description="Norm whose output feeds the MLP.")
_LN1_POST = Field(description="Norm on attention's output.")
_LN2_POST = Field(description="Norm on the MLP's output.")
_ROLES = ("ln1", "ln1_post", "ln2", "ln2_post")


class _Block(Facet):
    """The common part of topologies."""

    # Whether attention and MLP read the same residual stream.
    parallel: ClassVar[bool] = False

    @property
    def norms(self) -> dict[str, str]:
        """TL's norm roles, with the HF name of each."""
        return {role: getattr(self, role) for role in _ROLES if role in type(self).model_fields}


class PreNorm(_Block):
    """Sequential, each half normed on its way in: `x + attn(ln1(x))`, then `x + mlp(ln2(x))`."""

    topology: Literal["pre"]
    ln1: PartName = _LN1
    ln2: PartName = _LN2

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: `{self.ln1}` (ln1) feeds attention, `{self.ln2}` (ln2) feeds the MLP;"
            " each adds its output to the residual stream."
        )


class PostNorm(_Block):
    """Sequential, each half normed on its way out: `x + ln1_post(attn(x))`, and so the MLP."""

    topology: Literal["post"]
    ln1_post: PartName = _LN1_POST
    ln2_post: PartName = _LN2_POST

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: attention and MLP read the residual stream as it is; `{self.ln1_post}`"
            f" (ln1_post) and `{self.ln2_post}` (ln2_post) norm what they add to it."
        )


class SandwichNorm(_Block):
    """Sequential, each half normed on its way in and out: `x + ln1_post(attn(ln1(x)))`."""

    topology: Literal["sandwich"]
    ln1: PartName = _LN1
    ln1_post: PartName = _LN1_POST
    ln2: PartName = _LN2
    ln2_post: PartName = _LN2_POST
    post_norms: Decided = Field(
        default=True,
        description="Whether outputs are normed, or the HF config key that decides; where they are"
        " not, HF has modules there that do nothing.",
    )

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: `{self.ln1}` (ln1) feeds attention and `{self.ln1_post}` (ln1_post) norms its"
            f" output, `{self.ln2}` (ln2) feeds the MLP and `{self.ln2_post}` (ln2_post) norms its"
            " output."
        )


class SharedNorm(_Block):
    """Parallel behind one norm: `x + attn(ln1(x)) + mlp(ln1(x))`."""

    topology: Literal["shared"]
    ln1: PartName = Field(description="Norm whose output feeds attention and MLP.")

    parallel: ClassVar[bool] = True

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: parallel, `{self.ln1}` (ln1) feeds attention and MLP; both add their output"
            " to the residual stream."
        )


class ParallelNorm(_Block):
    """Parallel, each half behind a norm of its own: `x + attn(ln1(x)) + mlp(ln2(x))`."""

    topology: Literal["parallel"]
    ln1: PartName = _LN1
    ln2: PartName = _LN2

    parallel: ClassVar[bool] = True

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: parallel, `{self.ln1}` (ln1) feeds attention, `{self.ln2}` (ln2) feeds the"
            " MLP; both add their output to the residual stream."
        )


Block = PreNorm | PostNorm | SandwichNorm | SharedNorm | ParallelNorm


class Layout(Facet):
    """A topology that some configs of an architecture have in place of `block`."""

    when: ConfigKey = Field(description="HF config key under which blocks have this layout.")
    unless: Annotated[dict[ConfigKey, int], LeavingOutNull] = Field(
        default={},
        description="Numbers of further HF config keys with any of which they do not all the same.",
    )
    block: Block = Field(
        discriminator="topology", description="The order of norms, attention and MLP in a block."
    )

    @property
    def condition(self) -> str:
        """When blocks have this layout, in words of the docstring."""
        others = (f" and `config.{key}` is not {number}" for key, number in self.unless.items())
        return f"where `config.{self.when}` is set{''.join(others)}"
