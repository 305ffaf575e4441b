"""Projections as wide as head counts make them, and the claim that is wrong where they are not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.verify.check import Fact
from adaptergen.verify.heads import head_counts, headed
from adaptergen.verify.structure import Structure, decided
from adaptergen.verify.subject import Subject

# Roles of projections that as many heads have.
_ALIKE = ({"q", "o"}, {"k", "v"}, {"qkv"})


@dataclass(frozen=True)
class _Widths:
    """Shapes that projections of a layer have, [heads * size, dim], and those that a spec makes."""

    attention: HeadedAttention
    config: Any
    dim: int
    size: int
    counts: dict[str, int]
    found: dict[str, tuple[int, ...]]

    def claimed(self, role: str) -> tuple[int, int]:
        """The shape that the spec makes."""
        return self.counts[role] * self.size, self.dim

    @property
    def wrong(self) -> set[str]:
        """The roles whose projections have another shape."""
        return {role for role, shape in self.found.items() if shape != self.claimed(role)}

    @property
    def _heads_found(self) -> int | None:
        """How many heads of keys HF's fused projection has, if it is one."""
        rows, query = self.found["qkv"][0], self.counts["q"]
        heads, rest = divmod(rows - query * self.size, 2 * self.size)
        return None if rest or heads < 1 else heads

    def blamed(self, role: str) -> str:
        """The claim of attention that the shape of a projection contradicts."""
        wrong, roles = self.wrong, self.found
        sizes = {shape[0] / self.counts[r] if shape else 0 for r, shape in roles.items()}
        if len(sizes) == 1 and roles.keys() == wrong:
            return "heads.head_dim"
        alike = next(each for each in _ALIKE if role in each)
        if self._misnamed or any(other in roles and other not in wrong for other in alike):
            return f"projections.{role}"
        if role in ("q", "o"):
            return "heads.query"
        if role == "qkv" and "o" not in wrong:
            return self._of_fused()
        return "heads.key_value" if self.attention.heads.key_value is not None else "heads"

    @property
    def _misnamed(self) -> bool:
        """Whether a wrong one is no projection of the stream, or has the name of another."""
        modules = self.attention.projections.modules
        names = list(modules.values())
        return any(
            names.count(modules[role]) > 1 or (shape and shape[-1] != self.dim)
            for role, shape in self.found.items()
            if role in self.wrong or names.count(modules[role]) > 1
        )

    def _of_fused(self) -> str:
        """The claim on how many heads keys and values have, where they are fused with queries."""
        heads, found = self.attention.heads, self._heads_found
        if found is None:
            return "projections.qkv"
        if found != 1 and not self.counts["k"] == 1 < self.counts["q"]:
            return "heads.key_value"
        if heads.single is None:
            return "heads.single"
        where = decided(self.config, heads.single.when)
        return "heads.single.unless" if found == 1 and where else "heads.single.when"


def width_facts(subject: Subject, built: Structure) -> Iterator[Fact]:
    """Whether each projection is as wide as the head counts of a config make it."""
    spec, blocks = headed(subject.spec), subject.spec.paths.blocks
    config, dim = built.config, built.shapes[f"{subject.spec.paths.embed}.weight"][-1]
    query, key_value = head_counts(config, subject.spec)
    size = getattr(config, spec.heads.head_dim or "", None) or dim // query
    counts = {"q": query, "k": key_value, "v": key_value, "qkv": query + 2 * key_value, "o": query}
    for number in range(built.layers(blocks)):
        found = {}
        for role, name in spec.projections.modules.items():
            shape = built.shapes.get(f"{blocks}.{number}.{spec.path}.{name}.weight", ())
            found[role] = tuple(reversed(shape)) if role == "o" else shape
        widths = _Widths(spec, config, dim, size, counts, found)
        for role, name in spec.projections.modules.items():
            order = -1 if role == "o" else 1
            text = f"HF's {name} is {found[role][::order]}, not {widths.claimed(role)[::order]}"
            text = f"{text} ({counts[role]} heads of {size}){built.setting}"
            holds = role not in widths.wrong
            claim = "" if holds else f"attention.{widths.blamed(role)}"
            yield Fact(holds, text, number, claim)
