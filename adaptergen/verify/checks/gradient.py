"""Do gradients flow through the bridge as they do through HF's model?"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from adaptergen.components.attention.probe import probe_of as attention_of
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
from adaptergen.verify.checks.forward import unembed
from adaptergen.verify.declared import parameters as declared_parameters
from adaptergen.verify.heads import head_dim, headed
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import once
from adaptergen.verify.precision import uncast
from adaptergen.verify.structure import structure
from adaptergen.verify.subject import Subject


@check("gradient.parameters", "The gradient of the loss for every parameter of HF equals HF's.")
def parameters(subject: Subject) -> Iterator[Evidence]:
    """Needs no claim: a bridge wraps HF's parameters, and they are recognised as the same objects.

    A parameter without gradient on one side only is left out of training, or replaced. Of a fused
    projection TL trains split copies: their gradients, put together again, are compared.
    """
    hf = subject.hf
    batch, model = hf.batch(hf.length), copy.deepcopy(hf.model)
    # Under HF's names, before the bridge renames and perhaps replaces them.
    wrapped = dict(model.named_parameters())
    bridge = bridges.wrap(subject.adapter, hf.architecture, model)
    added = _added(bridge, wrapped)
    with bridges.observed(bridge):
        ours = _gradients(_loss(bridge(batch.ids), batch), {**wrapped, **added})
    theirs = _own_gradients(hf, batch)
    replaced = {n: wrapped[n] for n, g in theirs.items() if g is not None and ours[n] is None}
    parts = [(part, g) for name, part in added.items() if (g := ours[name]) is not None]
    ours |= _assembled(replaced, parts)
    claims = _claims(subject)
    for name, expected in theirs.items():
        found, claim = ours[name], claims.get(name, "")
        if expected is not None and found is not None:
            difference = largest_difference(found, expected)
            yield Difference(f"the gradient of {name}", difference, claim=claim)
        else:
            side = "HF" if found is None else "the bridge"
            text = f"HF's parameter {name} has a gradient in {side} only"
            yield Fact(found is expected, text, claim=claim)


@check("gradient.hooks", "The gradient of the loss at the hooks of each layer equals HF's.")
def hooks(subject: Subject) -> Iterator[Evidence]:
    """At the residual stream before each layer, and at the head outputs (z), where there are any.

    Of attention as one piece there is the stream alone.
    """
    hf, spec = subject.hf, subject.spec
    whole = attention_of(spec.attention).without_parts
    batch = hf.batch(hf.length)
    places: dict[str, tuple[int, str, str]] = {}
    for number, layer in subject.layers.items():
        places[f"blocks.{number}.hook_resid_pre"] = number, layer, "paths.blocks"
        if not whole:
            output = f"{layer}.{spec.attention.path}.{headed(spec).projections.o}"
            places[f"blocks.{number}.attn.hook_z"] = number, output, "attention.heads"
    existing = subject.bridge.hook_dict
    theirs = _gradients_of_inputs(subject, batch, [path for _, path, _ in places.values()])
    ours = _gradients_at_hooks(subject, batch, [name for name in places if name in existing])
    for name, (number, path, claim) in places.items():
        hook = name.removeprefix(f"blocks.{number}.")
        text = f"no gradient arrives at {hook}"
        yield Fact(name in ours, text, number, claim)
        if name in ours:
            expected = theirs[path]
            if hook == "attn.hook_z":
                size = head_dim(hf, subject.spec, subject.layers[number])
                expected = expected.reshape(*expected.shape[:-1], -1, size)
            difference = largest_difference(ours[name], expected)
            yield Difference(f"the gradient at {hook}", difference, number, claim)


def _added(bridge: Any, wrapped: dict[str, Tensor]) -> dict[str, Tensor]:
    """The bridge's parameters that are none of HF's."""
    known = {id(parameter) for parameter in wrapped.values()}
    named: Iterable[tuple[str, Tensor]] = bridge.named_parameters()
    return {f"the bridge's {name}": value for name, value in named if id(value) not in known}


def _assembled(
    replaced: dict[str, Tensor], parts: Sequence[tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Gradients of those replaced parameters that the parts, each with its gradient, make up.

    However TL cuts and turns what it copies: amplified weights are all different, so each element
    of a copy is the one of the same value.
    """
    if not replaced:
        return {}
    values = torch.cat([parameter.detach().flatten() for parameter in replaced.values()])
    ordered, order = values.sort()
    gradients, found = torch.zeros_like(values), torch.zeros_like(values).bool()
    for part, gradient in parts:
        copied = part.detach().flatten().contiguous().to(values.dtype)
        at = torch.searchsorted(ordered, copied).clamp(max=len(values) - 1)
        if torch.equal(ordered[at], copied):
            gradients.index_add_(0, order[at], gradient.flatten().to(values.dtype))
            found[order[at]] = True
    sizes = [parameter.numel() for parameter in replaced.values()]
    pieces = zip(
        replaced.items(), torch.split(gradients, sizes), torch.split(found, sizes), strict=True
    )
    return {
        name: gradient.reshape(parameter.shape)
        for (name, parameter), gradient, whole in pieces
        if bool(whole.all())
    }


def _claims(subject: Subject) -> dict[str, str]:
    """Claims by name of parameter, where there is a spec."""
    try:
        return declared_parameters(subject.spec, structure(subject.hf, {}))
    except NotApplicableError:
        return {}


@once("HF's gradients")
def _own_gradients(hf: HfModel, batch: Batch) -> dict[str, Tensor | None]:
    logits = hf.model(**batch.arguments, use_cache=False).logits
    return _gradients(_loss(logits, batch), dict(hf.model.named_parameters()))


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of the next token."""
    return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch.ids[:, 1:].flatten())


def _gradients(loss: Tensor, named: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """The gradient for each tensor; None for one that the loss does not depend on."""
    trained = {name: tensor for name, tensor in named.items() if tensor.requires_grad}
    found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    return {**dict.fromkeys(named), **dict(zip(trained, found, strict=True))}


def _gradients_of_inputs(subject: Subject, batch: Batch, paths: list[str]) -> dict[str, Tensor]:
    """The gradients for what HF's modules at these paths take."""
    hf = subject.hf
    taken: dict[str, Tensor] = {}

    def recorder(path: str) -> Any:
        def record(_: nn.Module, args: Any, kwargs: Any) -> None:
            taken[path] = args[0] if args else kwargs["hidden_states"]

        return record

    handles = [
        hf.module(path).register_forward_pre_hook(recorder(path), with_kwargs=True)
        for path in paths
    ]
    try:
        loss = _loss(hf.model(**batch.arguments, use_cache=False).logits, batch)
    finally:
        for handle in handles:
            handle.remove()
    found = torch.autograd.grad(loss, list(taken.values()))
    return dict(zip(taken, found, strict=True))


def _gradients_at_hooks(subject: Subject, batch: Batch, names: list[str]) -> dict[str, Tensor]:
    """The gradients that arrive at TL's hooks."""
    subject.require_pass()
    found: dict[str, Tensor] = {}

    def recorder(name: str) -> Any:
        def record(value: Tensor, hook: Any) -> None:
            found[name] = value

        return record

    bridge = subject.bridge
    with bridge.hooks(bwd_hooks=[(name, recorder(name)) for name in names]):
        _gradients(_loss(bridge(batch.ids), batch), dict(bridge.named_parameters()))
    return found


@check(
    "gradient.rounding",
    "Where the spec says that something is rounded to float32, it is, and nothing else differs.",
    claim="verification.float32",
)
def rounding(subject: Subject) -> Iterator[Evidence]:
    """Gradients see every computation but a cast of the logits, which `forward.unembed` sees.

    Had all been exact, the spec would be out of date; and what float64 does not mend is another
    fault, which the wider tolerance would hide.
    """
    if subject.spec.verification.float32 is None:
        raise NotApplicableError("the spec does not say so")
    worst = _worst(subject)
    yield Fact(worst > EXACT, f"everything agrees to {worst:.1e}, the spec says it is rounded")
    with uncast():
        rest = _worst(Subject(subject.declared, subject.module_path, subject.overrides))
    text = f"where nothing is cast to float32 there still are differences of {rest:.1e}"
    yield Fact(rest <= EXACT, f"{text}: they are none of rounding")


def _worst(subject: Subject) -> float:
    """The largest difference of gradients and logits."""
    evidence = chain(parameters.examine(subject), unembed.examine(subject))
    return max((e.value for e in evidence if isinstance(e, Difference)), default=0.0)
