"""The order of norms, attention and MLP in a block, by the tensors that are handed on."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from adaptergen.infer.anatomy import is_norm, parts_of_layer, same
from adaptergen.infer.factor import factor
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError

_TOPOLOGIES = {
    ("ln1", "ln2"): "pre",
    ("ln1_post", "ln2_post"): "post",
    ("ln1", "ln1_post", "ln2", "ln2_post"): "sandwich",
}
_PARALLEL = {("ln1",): "shared", ("ln1", "ln2"): "parallel"}


@dataclass(frozen=True)
class Flow:
    """How a block is built: the facet as YAML has it, and the factor of what it adds."""

    facet: dict[str, Any]
    scale: float


def flow(tiny: TinyModel, *, opaque: bool = False) -> Flow:
    """The order in which the blocks of a model compute.

    What is `opaque` may do something to the residual stream besides.

    Raises:
        UnexplainedError: if no topology of the language describes it, or layers differ.
    """
    flows = [_flow(tiny, layer, opaque) for layer in tiny.layers.values()]
    if any(other.facet != flows[0].facet for other in flows):
        raise UnexplainedError("blocks order their norms, attention and MLP in different ways")
    return flows[0]


@dataclass
class _Tracer:
    """One layer: what its norms take and return."""

    tiny: TinyModel
    layer: str

    def __post_init__(self) -> None:
        names = [name for name, _ in self.tiny.hf.module(self.layer).named_children()]
        calls = self.tiny.hf.seen.calls
        ran = [name for name in names if f"{self.layer}.{name}" in calls]
        self.norms = [name for name in ran if is_norm(self.tiny, f"{self.layer}.{name}")]

    def given(self, name: str) -> Tensor:
        return self.tiny.hf.call(f"{self.layer}.{name}").input

    def value(self, name: str) -> Tensor:
        return self.tiny.hf.call(f"{self.layer}.{name}").value

    def feeding(self, value: Tensor, taken: str | None = None) -> str | None:
        """The norm that returned a value; of several, one that is not taken yet."""
        found = [name for name in self.norms if same(self.value(name), value)]
        return next((name for name in found if name != taken), found[0] if found else None)

    def reading(self, value: Tensor) -> str | None:
        """The norm that took a value."""
        return next((name for name in self.norms if same(self.given(name), value)), None)


def own_parameters(tiny: TinyModel) -> list[str]:
    """Names of parameters that blocks have outside of their modules."""
    module = tiny.hf.module(tiny.layers[0])
    return [name for name, _ in module.named_parameters(recurse=False)]


def _flow(tiny: TinyModel, layer: str, opaque: bool) -> Flow:
    trace, call = _Tracer(tiny, layer), tiny.hf.call(layer)
    attention, mlp, side = parts_of_layer(tiny, layer)
    stream, added, after = call.input, trace.value(attention), trace.value(mlp)
    ln1 = trace.feeding(trace.given(attention))
    roles: dict[str, str | None] = {
        "ln1": ln1,
        "ln1_post": trace.reading(added),
        "ln2": trace.feeding(trace.given(mlp), taken=ln1),
        "ln2_post": trace.reading(after),
    }
    if roles["ln2"] is not None and roles["ln1_post"] == roles["ln2"]:
        raise UnexplainedError(
            f"{layer}.{attention} returns the residual stream, not what it adds to it"
        )
    added, after = (
        trace.value(name) if name else value
        for name, value in ((roles["ln1_post"], added), (roles["ln2_post"], after))
    )
    if side is not None:
        after = after + trace.value(side)
    ln2 = roles["ln2"]
    _expect(ln1 is None or same(trace.given(ln1), stream), layer, "attention's norm")
    read = trace.given(ln2) if ln2 else trace.given(mlp)
    parallel = same(read, stream)
    if ln2 is not None and ln2 == ln1:
        roles["ln2"] = None
    names = {role: name for role, name in roles.items() if name is not None}
    topology = (_PARALLEL if parallel else _TOPOLOGIES).get(tuple(names))
    if topology is None:
        shown = ", ".join(f"{role} {name}" for role, name in names.items()) or "none"
        kind = "parallel" if parallel else "sequential"
        raise UnexplainedError(f"no facet describes {layer}: {kind}, norms: {shown}")
    if opaque:
        return Flow({"topology": topology, **names}, 1.0)
    total, part = (call.value, added + after) if parallel else (read, added)
    scale = factor(total - stream, part)
    unused = [n for n in trace.norms if n not in names.values()]
    _expect(not unused, layer, f"the norm {', '.join(unused)}")
    if scale is None or not same(call.value, stream + scale * (added + after)):
        own = ", ".join(own_parameters(tiny))
        with_own = f"what {own} do to the residual stream" if own else ""
        raise _unexplained(with_own or "what it adds to the residual stream", layer)
    return Flow({"topology": topology, **names}, scale)


def _expect(holds: bool, layer: str, what: str) -> None:
    if not holds:
        raise _unexplained(what, layer)


def _unexplained(what: str, layer: str) -> UnexplainedError:
    return UnexplainedError(f"no facet describes {what} in {layer}")
