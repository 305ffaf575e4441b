"""TransformerLens: an adapter class for each spec, and the modules that adapters import."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from adaptergen import stamp
from adaptergen.errors import Diagnostic
from adaptergen.registry import Entry
from adaptergen.targets.target import Refusal, Target
from adaptergen.targets.transformer_lens import support

if TYPE_CHECKING:
    from adaptergen.spec.model import Spec
    from adaptergen.targets.transformer_lens.render import Renderer


class TransformerLens(Target):
    """Adapters through templates, the first of these folders that has one winning."""

    shared: ClassVar[Mapping[str, str]] = {name: support.source(name) for name in support.MODULES}

    @cached_property
    def _renderer(self) -> "Renderer":
        from adaptergen.targets.transformer_lens.render import Renderer

        return Renderer(self.templates)

    def inputs(self) -> list[tuple[str, str, str]]:
        """Hash over templates, and over the modules that are copied."""
        beside = support.folders(self.templates)
        hashes = (
            stamp.digest_folders(self.templates, support.TEMPLATE),
            stamp.digest_folders(beside, support.ENDING),
        )
        return [("templates", "", stamp.digest(map(str.encode, hashes)))]

    def mistakes(self) -> list[Diagnostic]:
        """Templates, and blocks of them, that override nothing."""
        return self._renderer.misspelt()

    def refused(self, spec: "Spec") -> Iterator[Refusal]:
        """Names of hand-written parts that would be lost among the adapter's own."""
        from adaptergen.targets.transformer_lens.names import taken

        for part, given in spec.hatch.given.items() if spec.hatch else ():
            name = given.partition(":")[2]
            if why := taken(name, self.exported(spec)):
                message = f"'{name}' cannot be imported: {why}"
                yield Refusal(("hatch", part), message, "rename it where it is written")

    def exported(self, spec: "Spec") -> str:
        """Name of the adapter class."""
        from adaptergen.targets.transformer_lens.view import class_name

        return class_name(spec)

    def module(self, spec: "Spec") -> str:
        """The adapter of a spec."""
        return self._renderer.adapter(spec)

    def shared_module(self, name: str) -> str:
        """A module that adapters import."""
        return self._renderer.support(name)

    def registry(self, entries: Sequence[Entry]) -> str:
        """The adapters by architecture."""
        return self._renderer.registry(entries)


TARGET = TransformerLens
