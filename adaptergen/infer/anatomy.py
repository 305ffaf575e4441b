"""Where the parts of an HF model are, found by what each computes and hands on."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adaptergen.infer.factor import factor
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify import probe
from adaptergen.verify.call import Call
from adaptergen.verify.check import EXACT, largest_difference
from adaptergen.verify.once import once
from adaptergen.verify.positions import cosines_of


@dataclass(frozen=True)
class Anatomy:
    """Paths of the model's parts, and of attention and MLP seen from a block."""

    embed: str
    rotary: str | None
    blocks: str
    final_norm: str
    unembed: str
    embedding_norm: str | None
    attention: str
    mlp: str
    side_mlp: str | None


def same(one: object, other: object) -> bool:
    """Whether two values are the same tensor, up to rounding in the last bits."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    return one.shape == other.shape and largest_difference(one, other) <= EXACT


def anatomy(tiny: TinyModel) -> Anatomy:
    """The anatomy of a model.

    Raises:
        UnexplainedError: if a part is missing, or the model is built in another way.
    """
    _batch_first(tiny)
    _handing_on(tiny)
    embed, unembed = _embed(tiny), _unembed(tiny)
    first = tiny.layers[0]
    attention, mlp, side = parts_of_layer(tiny, first)
    for layer in list(tiny.layers.values())[1:]:
        others = parts_of_layer(tiny, layer)[:2]
        if others != (attention, mlp):
            raise UnexplainedError(
                f"layers are of several kinds: {first} has {attention} and {mlp}, {layer} has"
                f" {others[0]} and {others[1]}; a spec describes one"
            )
    return Anatomy(
        embed,
        _rotary(tiny),
        first.rpartition(".")[0],
        _final_norm(tiny, unembed),
        unembed,
        _embedding_norm(tiny, embed),
        attention,
        mlp,
        side,
    )


def _batch_first(tiny: TinyModel) -> None:
    """Make sure that the residual stream is [batch, pos, d_model].

    Raises:
        UnexplainedError: if it has another order.
    """
    entering = tiny.hf.call(tiny.layers[0]).input.shape
    expected = tiny.hf.batch(tiny.hf.length).ids.shape
    if entering[:2] != expected:
        raise UnexplainedError(
            f"blocks are handed a residual stream {list(entering)}, for a batch of {expected[0]}"
            f" texts of {expected[1]} tokens; TransformerLens has [batch, pos, d_model]"
        )


def _handing_on(tiny: TinyModel) -> None:
    """Make sure that TL finds the residual stream in what blocks return.

    Raises:
        UnexplainedError: if it is in something else than a tensor or a tuple that begins with it.
    """
    layer = tiny.layers[0]
    output = tiny.hf.call(layer).output
    first = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(first, Tensor):
        raise UnexplainedError(
            f"{layer} returns a {type(output).__name__} that does not begin with a tensor;"
            " TransformerLens reads a tensor, or a tuple that begins with one"
        )


def _embed(tiny: TinyModel) -> str:
    ids = tiny.hf.batch(tiny.hf.length).ids
    for path, call in tiny.hf.seen.calls.items():
        if isinstance(tiny.hf.module(path), nn.Embedding) and same(call.input, ids):
            return path
    raise UnexplainedError("no embedding reads the tokens")


def _unembed(tiny: TinyModel) -> str:
    logits = tiny.hf.seen.logits
    for path, call in tiny.hf.seen.calls.items():
        if probe.is_linear(tiny.hf, path) and call.value.shape == logits.shape:
            return path
    raise UnexplainedError(_without_unembedding(tiny))


def _without_unembedding(tiny: TinyModel) -> str:
    """The reason why logits have no unembedding: the module that returns them, if there is one."""
    for path, call in tiny.hf.seen.calls.items():
        leaf = not list(tiny.hf.module(path).children())
        if leaf and isinstance(call.output, Tensor) and same(call.output, tiny.hf.seen.logits):
            return f"{path} returns the logits, and is no linear layer of its weight"
    return "no module returns as many numbers as there are logits; an unembedding is a module"


def _final_norm(tiny: TinyModel, unembed: str) -> str:
    """The norm whose output the unembedding reads, perhaps multiplied by a number."""
    read = tiny.hf.call(unembed).input
    last = tiny.hf.call(list(tiny.layers.values())[-1]).value
    for path in _tensor_modules(tiny):
        call = tiny.hf.call(path)
        reaches = same(call.input, last) and factor(read, call.value) is not None
        if reaches and is_norm(tiny, path):
            return path
    raise UnexplainedError(f"no norm stands between the last block and {unembed}")


def _embedding_norm(tiny: TinyModel, embed: str) -> str | None:
    """The norm that the embedding passes through, if its output enters the first block.

    Raises:
        UnexplainedError: if something else is done to it, such as to add another embedding.
    """
    entering = tiny.hf.call(tiny.layers[0]).input
    embedded = tiny.hf.call(embed).value
    if same(embedded, entering):
        return None
    for path, call in tiny.hf.seen.calls.items():
        is_other = path != embed and isinstance(tiny.hf.module(path), nn.Embedding)
        fits = is_other and call.value.shape[-2:] == embedded.shape[-2:]
        if fits and same(embedded + call.value, entering):
            raise UnexplainedError(f"what {path} returns is added to the tokens' embeddings")
    for path in _tensor_modules(tiny):
        if path.startswith(tiny.layers[0].rpartition(".")[0]) or not is_norm(tiny, path):
            continue
        if tiny.hf.call(path).input.shape[-1] != embedded.shape[-1]:
            continue
        with torch.no_grad():
            normed = tiny.hf.module(path)(embedded)
        if same(normed, entering):
            return path
    if factor(entering, embedded) is None:
        raise UnexplainedError(
            f"what enters {tiny.layers[0]} is neither what {embed} returns, nor a multiple or a"
            " norm of it"
        )
    return None


def _tensor_modules(tiny: TinyModel) -> Iterator[str]:
    """Paths of modules without modules inside that take a tensor and return one."""
    for path, call in tiny.hf.seen.calls.items():
        leaf = not list(tiny.hf.module(path).children())
        if (
            leaf
            and isinstance(call.output, Tensor)
            and any(isinstance(given, Tensor) for given in (*call.args, *call.kwargs.values()))
        ):
            yield path


@once("whether HF's {path} is a norm")
def is_norm(tiny: TinyModel, path: str) -> bool:
    """Whether a module normalises the last dimension of what it takes."""
    module, call = tiny.hf.module(path), tiny.hf.call(path)
    projects = any(isinstance(part, nn.Linear | nn.Embedding) for part in module.modules())
    if projects or not isinstance(call.output, Tensor):
        return False
    if call.output.shape != call.input.shape or any(p.ndim > 2 for p in module.parameters()):
        return False
    try:
        return probe.norm_kind(module, call.input) != "none"
    except (RuntimeError, TypeError):
        return False


def _rotary(tiny: TinyModel) -> str | None:
    """The module that computes all positions that layers are handed; None if there are several."""
    handed = list(_handed(tiny))
    for path, call in tiny.hf.seen.calls.items():
        given = next(iter(call.values), None)
        found = isinstance(given, Tensor) and any(same_positions(given, one) for one in handed)
        if found and tiny.hf.seen.runs[path] >= len(handed):
            return path
    return None


def _handed(tiny: TinyModel) -> Iterator[Tensor]:
    """The cosines, or complex numbers, that layers are handed, each once."""
    seen: list[Tensor] = []
    for layer in tiny.layers.values():
        for given in tiny.hf.call(layer).kwargs.values():
            one = cosines_of(given)
            if one is not None and not any(same_positions(one, other) for other in seen):
                seen.append(one)
                yield one


def same_positions(one: Tensor, other: Tensor) -> bool:
    """Whether two sets of cosines, or of complex numbers, are the same."""
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


@once("the parts of HF's {layer}")
def parts_of_layer(tiny: TinyModel, layer: str) -> tuple[str, str, str | None]:
    """Names of a layer's attention, its MLP, and a further MLP beside it.

    Raises:
        UnexplainedError: if there is not one of each, as modules of their own.
    """
    mixing: list[str] = []
    other: list[str] = []
    for name, module in tiny.hf.module(layer).named_children():
        path = f"{layer}.{name}"
        if path not in tiny.hf.seen.calls or not any(p.ndim > 1 for p in module.parameters()):
            continue
        if is_norm(tiny, path):
            continue
        (mixing if _mixes_tokens(tiny, path) else other).append(name)
    if len(mixing) != 1:
        names = ", ".join(name for name, _ in tiny.hf.module(layer).named_children())
        what = ", ".join(mixing) or f"none among {names}"
        raise UnexplainedError(f"one module of {layer} should mix tokens, found: {what}")
    if not 1 <= len(other) <= 2:
        what = ", ".join(other) or "none"
        raise UnexplainedError(f"one module of {layer} should be its MLP, found: {what}")
    if any(not _keeps_width(tiny, f"{layer}.{name}") for name in other):
        what = ", ".join(other)
        raise UnexplainedError(f"one module of {layer} should be its MLP, found parts: {what}")
    # Experts have weights of three dimensions; of two MLPs they are the first.
    other.sort(key=lambda n: -max(p.ndim for p in tiny.hf.module(f"{layer}.{n}").parameters()))
    return mixing[0], other[0], other[1] if len(other) > 1 else None


def _keeps_width(tiny: TinyModel, path: str) -> bool:
    """Whether a module takes and returns what is as wide as the model."""
    call, width = tiny.hf.call(path), tiny.hf.dim
    return call.input.shape[-1] == call.value.shape[-1] == width


def _mixes_tokens(tiny: TinyModel, path: str) -> bool:
    """Whether the last token's output depends on earlier tokens."""
    call = tiny.hf.call(path)
    moved = call.input.clone()
    if moved.ndim < 3 or call.value.shape[:2] != moved.shape[:2]:
        # Tokens of all rows in one dimension, as routed MLPs take or return them.
        return False
    moved[:, :-1] += 1.0
    with torch.no_grad():
        before = tiny.hf.rerun(path, call)
        after = tiny.hf.rerun(path, call.with_input(moved))
    return probe.changed(_last(after), _last(before))


def _last(call: Call) -> Tensor:
    return call.value[:, -1]
