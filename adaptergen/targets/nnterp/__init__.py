"""nnterp: the names that the modules of a model have, for models that nnterp does not know."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from adaptergen.registry import Entry
from adaptergen.targets.target import Refusal, Target

if TYPE_CHECKING:
    from adaptergen.spec.model import Spec


class Nnterp(Target):
    """A rename configuration for each spec. Templates of projects are for adapters, not for it."""

    def refused(self, spec: "Spec") -> Iterator[Refusal]:
        """The parts that nnterp would not find, or of which it could show only one of several."""
        from adaptergen.targets.nnterp.rename import refused

        return refused(spec)

    def exported(self, spec: "Spec") -> str:
        """Name of the rename configuration, such as `SMOLLM3`."""
        return spec.prefix.upper()

    def module(self, spec: "Spec") -> str:
        """The rename configuration of a spec."""
        from adaptergen.targets.nnterp.text import module

        return module(spec, self.exported(spec))

    def registry(self, entries: Sequence[Entry]) -> str:
        """The rename configurations by architecture."""
        from adaptergen.targets.nnterp.text import registry

        return registry(entries)


TARGET = Nnterp
