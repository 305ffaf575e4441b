"""The escape hatch: hand-written Python for what no facet says."""

from pydantic import Field

from adaptergen.spec.facet import Facet
from adaptergen.spec.values import ImportedName, Prose


class Hatch(Facet):
    """Names of hand-written classes and functions that the generated module imports and uses."""

    reason: Prose = Field(description="What no facet says, and these do.")
    attention: ImportedName | None = Field(
        default=None,
        description="Bridge of attention in place of TL's, made with the same arguments.",
    )
    mlp: ImportedName | None = Field(
        default=None,
        description="Bridge of the MLP in place of TL's, made with the same arguments.",
    )
    block: ImportedName | None = Field(
        default=None, description="Bridge of blocks in place of TL's, made with the same arguments."
    )
    prepare_model: ImportedName | None = Field(
        default=None,
        description="Function that gets the HF model once it is loaded, before it is wrapped.",
    )

    @property
    def imported(self) -> dict[str, str]:
        """The module of each name that is used, by the name."""
        found = (self.attention, self.mlp, self.block, self.prepare_model)
        parts = (name.split(":") for name in found if name is not None)
        return {name: module for module, name in parts}

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        names = ", ".join(f"`{name}`" for name in self.imported)
        return f"Written by hand: {names}. {self.reason}"
