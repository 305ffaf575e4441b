"""Does the bridge compute in fewer bits as well as HF does?

What may differ there is measured, not guessed. HF computes in that type, and in float64 with the
same rounded weights: how far these are apart is HF's own rounding error. Two computations that are
each no further than that from the exact values are at most two such errors apart; this is the
tolerance, and differences are given in units of HF's error.

Rounding may send a token to another expert where two are nearly equal. What comes after the first
such token of a text is not compared.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.components.mlp.probe import probe_of
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.divergence import first_divergence
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.routing import routed
from adaptergen.verify.subject import Subject

_ERRORS = 2.0

# In words, the implementation of attention in HF, and what makes the bridge compute so.
_Way: TypeAlias = tuple[str, str, Callable[[TransformerBridge], AbstractContextManager[None]]]


@check(
    "precision.bfloat16",
    "Logits in bfloat16 are HF's within rounding.",
    tolerance=_ERRORS,
    relative=True,
)
def bfloat16(subject: Subject) -> Iterator[Evidence]:
    """The main batch, and it again padded on the left: masks are the largest numbers there are."""
    yield from _compared(subject, torch.bfloat16)


@check(
    "precision.float16",
    "Logits in float16 are HF's within rounding.",
    tolerance=_ERRORS,
    relative=True,
)
def float16(subject: Subject) -> Iterator[Evidence]:
    """As in bfloat16, with numbers more exact and less large."""
    yield from _compared(subject, torch.float16)


@check(
    "precision.float32",
    "Logits in float32 are HF's within rounding.",
    tolerance=_ERRORS,
    relative=True,
)
def float32(subject: Subject) -> Iterator[Evidence]:
    """The precision that most users compute in."""
    yield from _compared(subject, torch.float32)


def _compared(subject: Subject, dtype: torch.dtype) -> Iterator[Evidence]:
    found = list(_differences(subject, dtype))
    if not found:
        raise NotApplicableError(f"HF itself does not run in {dtype}")
    yield from found


def _differences(subject: Subject, dtype: torch.dtype) -> Iterator[Evidence]:
    hf = subject.hf
    subject.require_pass()
    cause = first_divergence(subject)
    name = str(dtype).removeprefix("torch.")
    # Adapters keep the implementation that they find.
    model = _rounded(hf.computing(subject.attention_implementation), dtype)
    routers = [model.get_submodule(path) for path in _routers(subject)]
    bridge = bridges.wrap(subject.adapter, hf.architecture, model)
    for way, implementation, computing in _ways(subject):
        for what, batch, options in _passes(subject):
            try:
                theirs, experts, error = _run(hf, implementation, dtype, _routers(subject), batch)
            except UnavailableError:
                # Code that masks by -1e9 does not run in float16.
                continue
            with _chosen(routers) as chosen, computing(bridge):
                ours = bridges.logits(bridge, batch, **options)
            alike = batch.real & _routed_alike(batch, chosen, experts)
            text = f"no token of the {what} in {name}{way} is sent to the experts that HF chooses"
            yield Fact(bool(alike.any()), text, claim="mlp.router")
            difference = largest_difference(ours[alike], theirs[alike])
            kept = " without a cache" if options else ""
            text = f"the {what} in {name}{way}{kept}, in units of HF's own error of {error:.1e},"
            # Where HF makes no error, there is no room for any difference.
            errors = difference / (error or torch.finfo(torch.float64).tiny)
            yield Difference(text, errors, claim=cause.claim if cause else "")


def _passes(subject: Subject) -> Iterator[tuple[str, Batch, dict[str, bool]]]:
    """Passes to compare, with a name and options: keys may be of another type uncached."""
    hf = subject.hf
    yield "output", hf.batch(hf.length), {}
    yield "output", hf.batch(hf.length), {"use_cache": False}
    yield "padded output", hf.padded("left"), {}


def _ways(subject: Subject) -> list[_Way]:
    """The ways in which attention is computed, each in words, with HF's own implementation."""
    if not subject.fuses:
        return [("", "eager", _unobserved)]
    return [
        (" where HF computes attention", "sdpa", _unobserved),
        (" where TL computes attention", "eager", bridges.observed),
    ]


@contextmanager
def _unobserved(bridge: TransformerBridge) -> Iterator[None]:
    yield


def _rounded(model: Any, dtype: torch.dtype) -> Any:
    """A copy with rounded parameters; buffers keep the float32 in which HF loads them."""
    found = copy.deepcopy(model).float()
    for parameter in found.parameters():
        parameter.data = parameter.data.to(dtype)
    return found


@once("HF's model in {dtype} with {implementation}")
def _rounded_hf(hf: HfModel, implementation: str, dtype: torch.dtype) -> Any:
    return _rounded(hf.computing(implementation), dtype)


@once("HF's output in {dtype} with {implementation}")
def _run(
    hf: HfModel, implementation: str, dtype: torch.dtype, routers: list[str], batch: Batch
) -> tuple[Tensor, list[Tensor], float]:
    """Logits [batch, pos, vocab], what routers chose, and the largest error of a real token."""
    rounded = _rounded_hf(hf, implementation, dtype)
    logits, experts = [], []
    for model in (rounded, copy.deepcopy(rounded).double()):
        with torch.no_grad(), _chosen([model.get_submodule(path) for path in routers]) as chosen:
            logits.append(model(**batch.arguments, use_cache=False).logits)
        experts.append(chosen)
    alike = batch.real & _routed_alike(batch, *experts)
    return logits[0], experts[0], largest_difference(logits[0][alike], logits[1][alike])


def _routers(subject: Subject) -> list[str]:
    """Paths of the modules that choose experts."""
    return list(probe_of(subject.spec.mlp).choosing(subject))


@contextmanager
def _chosen(routers: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """While active, the numbers of the experts that routers choose [token, expert], sorted."""
    found: list[Tensor] = []
    handles = [
        router.register_forward_hook(lambda _, __, results: found.append(routed(results).choice))
        for router in routers
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _routed_alike(batch: Batch, ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Tokens [batch, pos] that no differently routed one comes before, nor they themselves are."""
    differs = torch.zeros_like(batch.ids).bool()
    for one, other in zip(ours, theirs, strict=True):
        differs |= (one != other).any(-1).reshape(batch.ids.shape) & batch.real
    return differs.cumsum(-1) == 0
