"""Is a bridge right around layers that are not where or what their class says, and around another?

Weights may be elsewhere until a layer runs, they may be codes of numbers, or something may be added
to what they compute. No adapter may read them then, except through HF's layer.
"""

import copy
from collections.abc import Iterator
from typing import Any

import accelerate  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    EXACT,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.declared import linear_layers
from adaptergen.verify.hf import Batch
from adaptergen.verify.subject import Subject


@check("use.offloaded", "A model whose weights are loaded as layers run can be wrapped and hooked.")
def offloaded(subject: Subject) -> Iterator[Evidence]:
    """By accelerate, as `device_map` does it; the weights stay elsewhere."""
    model = copy.deepcopy(subject.hf.model)
    accelerate.cpu_offload(model, execution_device=torch.device("cpu"))
    wanted = subject.hf.logits(_batch(subject))
    try:
        theirs = _logits(model, _batch(subject))
    except RuntimeError as error:
        # Modules that read the weights of others find them elsewhere.
        raise NotApplicableError("HF itself does not run this model offloaded") from error
    if largest_difference(theirs, wanted) > EXACT:
        raise NotApplicableError("HF itself computes something else where this model is offloaded")
    bridge = bridges.wrap(subject.adapter, subject.architecture, model)
    yield from _alike(subject, bridge, wanted, "of an offloaded model")
    loaded = [name for name, weight in model.named_parameters() if not weight.is_meta]
    # TL gives the unembedding a bias.
    loaded = [name for name in loaded if not name.endswith(".bias")]
    yield Fact(not loaded, f"{loaded[:1]} of an offloaded model is loaded for good")


@check("use.quantised", "Layers that compute more than their weight says are run as they are.")
def quantised(subject: Subject) -> Iterator[Evidence]:
    """Weights in 8 bits, something low in rank added to them, and weights of a type of their own.

    None of them can be processed.
    """
    for kind in (_Coded, _Adapted, _Typed):
        model = copy.deepcopy(subject.hf.model)
        for path in _linear(subject):
            model.set_submodule(path, kind(model.get_submodule(path)))
        try:
            wanted = _logits(model, _batch(subject))
        except RuntimeError as error:
            # Modules that read the weights of others find codes there.
            said = f"HF itself does not run this model with layers of {kind.kind}"
            raise NotApplicableError(said) from error
        text = f"of a model with layers of {kind.kind}"
        bridge = bridges.wrap(subject.adapter, subject.architecture, model)
        yield from _alike(subject, bridge, wanted, text)
        shown = linear_layers(subject.spec)
        if shown and bridge.adapter.supports_compatibility_mode:
            yield Fact(_refuses(bridge), f"weights {text} are processed")


@check("use.wrapped_twice", "A model that is wrapped already can be wrapped again.")
def wrapped_twice(subject: Subject) -> Iterator[Evidence]:
    """As when the cell of a notebook is run again; its weights are processed then, too."""
    model = copy.deepcopy(subject.hf.model)
    bridges.wrap(subject.adapter, subject.architecture, model)
    wanted, text = subject.hf.logits(_batch(subject)), "of a model that is wrapped twice"
    bridge = bridges.wrap(subject.adapter, subject.architecture, model)
    yield from _alike(subject, bridge, wanted, text)
    if bridge.adapter.supports_compatibility_mode:
        processed = bridges.logits(bridges.made_compatible(bridge), _batch(subject))
        difference = largest_difference(processed.log_softmax(-1), wanted.log_softmax(-1))
        what = f"the log-probability {text}, in compatibility mode,"
        yield Difference(what, difference, tolerance=PROCESSED)


def _alike(
    subject: Subject, bridge: TransformerBridge, wanted: Tensor, text: str
) -> Iterator[Evidence]:
    """Whether logits are as wanted with nothing hooked, and with every hook of a layer."""
    batch = _batch(subject)
    found = bridges.logits(bridge, batch)
    yield Difference(f"the output {text}", largest_difference(found, wanted))
    with bridge.hooks([(name, bridges.ignore) for name in subject.first_points.values()]):
        found = bridges.logits(bridge, batch)
    what = f"the output {text}, hooked"
    yield Difference(what, largest_difference(found, wanted))


def _batch(subject: Subject) -> Batch:
    return Batch(subject.few_ids)


def _logits(model: Any, batch: Batch) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(**batch.arguments, use_cache=False).logits
    return found


def _refuses(bridge: TransformerBridge) -> bool:
    """Whether TL or the adapter says that weights cannot be processed, before any is."""
    try:
        bridges.made_compatible(bridge)
    except NotImplementedError as error:
        return "cannot process weights" in str(error) or "cannot be processed" in str(error)
    return False


def _linear(subject: Subject) -> list[str]:
    """The paths of linear layers in blocks; routers may be of such a class too."""
    hf, blocks = subject.hf, f"{subject.spec.paths.blocks}."
    found = [path for path in hf.seen.calls if path.startswith(blocks)]
    found = [path for path in found if isinstance(hf.module(path), nn.Linear)]
    return [path for path in found if isinstance(hf.call(path).output, Tensor)]


class _Coded(nn.Linear):
    """Weights as whole numbers of 8 bits, of which each row has a scale."""

    kind = "8 bits"

    def __init__(self, layer: Any) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.scale = layer.weight.detach().abs().amax(1, keepdim=True) / 127
        codes = (layer.weight.detach() / self.scale).round().to(torch.int8)
        self.weight = nn.Parameter(codes, requires_grad=False)
        self.bias = layer.bias

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(inputs, self.weight * self.scale, self.bias)


class _Whole(Tensor):
    """A weight that layers multiply by, and that no view shows a part of, as torchao has them."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch."""
        if func is nn.functional.linear:
            return func(*(a.as_subclass(Tensor) if isinstance(a, cls) else a for a in args))
        if getattr(func, "__name__", "") in ("reshape", "unflatten", "view", "permute", "narrow"):
            raise NotImplementedError(f"{func.__name__} of a weight of this type")
        return super().__torch_function__(func, types, args, kwargs)  # type: ignore[no-untyped-call]


class _Typed(nn.Linear):
    """The layer itself, with its weight in a type of its own."""

    kind = "weights of a type of their own"

    def __init__(self, layer: Any) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight = layer.weight.detach().as_subclass(_Whole)
        self.weight, self.bias = nn.Parameter(weight), layer.bias


class _Adapted(nn.Linear):
    """Something low in rank beside the weight, as LoRA has it."""

    kind = "LoRA"

    def __init__(self, layer: Any) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        rows = torch.linspace(-1, 1, self.out_features, dtype=self.weight.dtype)
        columns = torch.linspace(-1, 1, self.in_features, dtype=self.weight.dtype)
        self.added = torch.outer(rows, columns.cos()) / 8

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) + nn.functional.linear(inputs, self.added)
