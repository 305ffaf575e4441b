"""Biases of the projections of attention and MLPs."""

from pydantic import Field

from adaptergen.language.bias import Biases
from adaptergen.language.values import Decided


class AttentionBias(Biases):
    """Biases of attention projections; one value stands for all four."""

    q: Decided = Field(description="Bias of the query projection.")
    k: Decided = Field(description="Bias of the key projection.")
    v: Decided = Field(description="Bias of the value projection.")
    o: Decided = Field(description="Bias of the output projection.")

    @property
    def conditional(self) -> list[str]:
        """The projections of queries, keys and values that a config key gives a bias."""
        return [role for role in "qkv" if isinstance(self.by_role[role], str)]
