"""The MLPs of a model, found by running them: their kind, and the roles of their modules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers.activations import ACT2FN

from adaptergen.components.mlp.spec import Mlp
from adaptergen.infer.anatomy import Anatomy, same
from adaptergen.infer.attention import linears, norm_before
from adaptergen.infer.keys import bias, moved_by, numbers
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.language.kinds import Part, module_of
from adaptergen.verify import probe
from adaptergen.verify.components import known_to_tl

# A facet as YAML has it.
Facet = dict[str, Any]


@dataclass(frozen=True)
class Wiring:
    """The linear layers of an MLP: `out` returns what it does, `inner` come before.

    `reader` is the path of the module that reads the hidden neurons: `out`, or the norm before it.
    """

    tiny: TinyModel
    path: str
    out: str
    inner: tuple[str, ...]
    norm: str | None

    @property
    def reader(self) -> str:
        """Path of the first module that reads the hidden neurons."""
        return f"{self.path}.{self.norm or self.out}"

    def gates(self, gate: "Output", up: "Output") -> bool:
        """Whether neurons are the second, times an activation of the first."""
        return probe.gated_by(self.tiny.hf, self.path, gate, up, self.reader)


Output = probe.Output


class MlpInference:
    """The recognition of a kind of MLP; each kind has a subclass that is called `Inference`."""

    def propose(self, tiny: TinyModel, paths: list[str]) -> Facet | None:
        """The facet of the MLPs of all layers but for its path; None if they are of another kind.

        Raises:
            UnexplainedError: if they are of this kind, and one is not what its keys can say.
        """
        return None

    def matched(self, wiring: Wiring) -> Facet | None:
        """The roles of linear layers in an MLP of this kind; None if it is of another."""
        return None

    def named(self, facet: Facet) -> set[str]:
        """Names of the parts of the module that the facet explains."""
        strings = {key: value for key, value in facet.items() if isinstance(value, str)}
        return {value for key, value in strings.items() if key not in ("kind", "path")}


class ProjectedInference(MlpInference):
    """The common part of kinds that have linear layers and nothing else with weights.

    `roles` are the keys that name linear layers.
    """

    roles: ClassVar[tuple[str, ...]]

    def propose(self, tiny: TinyModel, paths: list[str]) -> Facet | None:
        """Its linear layers with their biases, and the number of neurons."""
        if any(several(tiny, path) for path in paths) or unlike(tiny, paths):
            return None
        wiring = wired(tiny, paths[0])
        found = self.matched(wiring) if wiring else None
        if found is None:
            return None
        found["bias"] = {role: bias(tiny, f"{paths[0]}.{found[role]}") for role in self.roles}
        return {**found, **_width(tiny, paths[0], found)}


def inference_of(kind: type[Part]) -> MlpInference:
    """The recognition of a kind of MLP."""
    found: MlpInference = module_of(kind, "infer").Inference()
    return found


def mlp(tiny: TinyModel, parts: Anatomy) -> Facet:
    """The facet of the MLP as YAML has it.

    Raises:
        UnexplainedError: if it computes something else.
    """
    paths = list(tiny.below(parts.mlp))
    for name, kind in Mlp.kinds.items():
        inference = inference_of(kind)
        found = inference.propose(tiny, paths)
        if found is not None:
            facet = {"kind": name, "path": parts.mlp, **found}
            opaque = sorted(_unnamed(tiny, paths, inference.named(facet)))
            facet |= {"opaque": opaque} if opaque else {}
            return {**facet, "act": activation(tiny, paths[0])}
    raise UnexplainedError(unlike(tiny, paths) or _undescribed(tiny, paths[0]))


def projected(tiny: TinyModel, path: str) -> Facet:
    """The kind of an MLP that has linear layers alone, and the roles of these.

    Raises:
        UnexplainedError: if it computes something else.
    """
    wiring = wired(tiny, path)
    for name, kind in Mlp.kinds.items():
        found = inference_of(kind).matched(wiring) if wiring else None
        if found is not None:
            return {"kind": name, **found}
    raise UnexplainedError(_undescribed(tiny, path))


def wired(tiny: TinyModel, path: str) -> Wiring | None:
    """The linear layers of an MLP; None if not exactly one of them returns what it does."""
    names = linears(tiny, path)
    returned = tiny.hf.call(path).value
    outs = [name for name in names if same(tiny.hf.call(f"{path}.{name}").value, returned)]
    if len(outs) != 1:
        return None
    inner = tuple(name for name in names if name != outs[0])
    return Wiring(tiny, path, outs[0], inner, norm_before(tiny, path, outs[0]))


def several(tiny: TinyModel, path: str) -> bool:
    """Whether a module holds weights of three dimensions: several matrices in one tensor."""
    return any(p.ndim == 3 for p in tiny.hf.module(path).parameters())


def unlike(tiny: TinyModel, paths: list[str]) -> str:
    """The first parameter that not all of the MLPs have, in words; empty if there is none."""
    first, *others = paths
    names = [name for name, _ in tiny.hf.module(first).named_parameters()]
    for path in others:
        found = [name for name, _ in tiny.hf.module(path).named_parameters()]
        if found != names:
            odd = next(name for name in (*found, *names) if (name in found) != (name in names))
            holder, lacking = (path, first) if odd in found else (first, path)
            return f"the MLP {holder} has {odd}, which {lacking} lacks"
    return ""


def _undescribed(tiny: TinyModel, path: str) -> str:
    if wired(tiny, path) is None:
        return f"no linear layer returns what {path} returns"
    names = ", ".join(linears(tiny, path))
    return f"no facet describes the MLP {path}: linear layers {names}"


def _width(tiny: TinyModel, path: str, found: Mapping[str, Any]) -> Facet:
    """Where the number of hidden neurons is, if TL does not know it."""

    def read(other: TinyModel) -> int:
        return int(other.hf.call(f"{path}.{found['out']}").input.shape[-1])

    width = read(tiny)
    if known_to_tl(tiny.architecture, tiny.hf.model).d_mlp == width:
        return {}
    keys = [key for key in numbers(tiny.values) if tiny.values[key] == width]
    # Fused halves want an even number.
    key = moved_by(tiny, keys, (width + 8,), lambda other, number: read(other) == number)
    return {"width": key} if key else {"measured": True}


def _unnamed(tiny: TinyModel, paths: list[str], named: set[str]) -> set[str]:
    """Parts with parameters that no key of the facet names."""
    left = set()
    for path in paths:
        for name, _ in tiny.hf.module(path).named_parameters():
            if not any(name == part or name.startswith(f"{part}.") for part in named):
                left.add(name.partition(".")[0])
    return left


def activation(tiny: TinyModel, path: str) -> str | None:
    """The config key that names the activation of an MLP."""
    call = tiny.hf.call(path)
    for key, value in tiny.values.items():
        if not isinstance(value, str) or value not in ACT2FN:
            continue
        other = tiny.under({key: "relu" if value != "relu" else "gelu"})
        if other is None or not _alike(tiny, other):
            # An activation with parameters is a part of its own.
            continue
        with torch.no_grad():
            moved = other.hf.rerun(path, call)
        if probe.changed(moved.value, call.value):
            return key
    return None


def _alike(tiny: TinyModel, other: TinyModel) -> bool:
    """Whether two models have the same parameters."""
    one, two = (w.hf.model.state_dict() for w in (tiny, other))
    return {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in two.items()}
