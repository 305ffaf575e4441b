"""The escape hatch: hand-written Python for what no facet says."""

from keyword import iskeyword

from pydantic import Field

from adaptergen.language.facet import Facet
from adaptergen.language.values import ImportedName, Prose


class Hatch(Facet):
    """Names of hand-written classes and functions that the generated module imports and uses."""

    reason: Prose = Field(
        description="The fact that no facet says, and these do.",
        examples=["A hook on the share of active neurons is nothing that an architecture has."],
    )
    attention: ImportedName | None = Field(
        default=None,
        description="Bridge of attention in place of TL's, made with the same arguments.",
        examples=["my_bridges:MyAttentionBridge"],
    )
    mlp: ImportedName | None = Field(
        default=None,
        description="Bridge of the MLP in place of TL's, made with the same arguments.",
        examples=["my_bridges:CountingMLPBridge"],
    )
    block: ImportedName | None = Field(
        default=None,
        description="Bridge of blocks in place of TL's, made with the same arguments.",
        examples=["my_bridges:MyBlockBridge"],
    )
    prepare_model: ImportedName | None = Field(
        default=None,
        description="Function that gets the HF model once it is loaded, before it is wrapped.",
        examples=["my_bridges:prepare"],
    )

    @property
    def given(self) -> dict[str, str]:
        """Imported names, by purpose: `package.module:Class`."""
        parts = ("attention", "mlp", "block", "prepare_model")
        return {part: getattr(self, part) for part in parts if getattr(self, part) is not None}

    @property
    def imported(self) -> dict[str, str]:
        """The module of each name that is used, by the name."""
        parts = (given.split(":") for given in self.given.values())
        return {name: module for module, name in parts}

    def mistakes(self) -> dict[str, str]:
        """Mistakes in names to import, by purpose."""
        found: dict[str, str] = {}
        modules: dict[str, str] = {}
        for part, given in self.given.items():
            module, name = given.split(":")
            keyword = next(filter(iskeyword, [*module.split("."), name]), "")
            if keyword:
                found[part] = f"'{keyword}' is a keyword of Python, which nothing can be called"
            elif modules.setdefault(name, module) != module:
                found[part] = f"'{name}' is imported from {modules[name]} already"
        return found

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        names = ", ".join(f"`{name}`" for name in self.imported)
        return f"Written by hand: {names}. {self.reason}"
