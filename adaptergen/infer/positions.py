"""Layers that rotate, in which pairs, and how far each sees: rules that fit every config tried."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Check, Fact
from adaptergen.verify.checks import claims_positions
from adaptergen.verify.handed import POSITIONS, argument_of_positions
from adaptergen.verify.hf import window_settings
from adaptergen.verify.layers import reach_found, rotation_found
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.perturb import perturbations
from adaptergen.verify.positions import USUAL, Positions, on_circles, positions_of
from adaptergen.verify.probe import changed
from adaptergen.verify.subject import Subject

_PER_PAIR = {"cosines": "per_pair"}
_PAIRINGS: tuple[dict[str, str], ...] = (
    {"pairing": "half"},
    {"pairing": "adjacent"},
    {"pairing": "interleaved"},
    {"pairing": "half", **_PER_PAIR},
    {"pairing": "adjacent", **_PER_PAIR},
)
# Values of config keys that say where, not how much: layers by number, or every so many.
_FEW = 64

Facet = Any


def pairing(tiny: TinyModel, spec: Spec) -> dict[str, str] | None:
    """How elements of a head are paired, and what cosines are for; None if no layer rotates.

    Raises:
        UnexplainedError: if they are paired in another way.
    """
    if not any(rotation_found(_subject(spec, tiny)).values()):
        return None
    for pairs in _PAIRINGS:
        tried = _with_rope(spec, **{"cosines": "per_element", **pairs})
        if _holds(claims_positions.rope_pairing, tried, tiny):
            return pairs
    raise UnexplainedError("elements of a head rotate in pairs that no facet describes")


def source(tiny: TinyModel, attention: str) -> dict[str, str]:
    """Where attention has its cosines and sines from, if that is not the usual place.

    Raises:
        UnexplainedError: if what computes them takes something else than the tokens' positions.
    """
    for path in tiny.below(attention):
        found = positions_of(tiny.hf, path)
        if found is None:
            continue
        if found.source:
            return _inside(tiny, path, found)
        handed = tiny.hf.call(path).kwargs[found.argument]
        usual = isinstance(handed, tuple) and getattr(handed[0], "ndim", 0) == found.cos.ndim
        return {} if usual and found.argument == USUAL else {"argument": found.argument}
    return {}


def _inside(tiny: TinyModel, attention: str, found: Positions) -> dict[str, str]:
    """The module of attention that computes them, and what it calls the number of positions."""
    name = found.source.removeprefix(f"{attention}.")
    hidden = tiny.hf.call(attention).input
    rows, length = hidden.shape[:2]
    handed = argument_of_positions(tiny.hf, attention)
    told = {} if handed in (None, POSITIONS) else {"positions": handed}
    if found.length and _computes(tiny, found, hidden, **{found.length: length}):
        return {"module": name, "length": found.length, **told}
    # Of all texts of a batch, or of one for all.
    places = (torch.arange(length).expand(count, length) for count in (1, rows))
    if any(_computes(tiny, found, hidden, given) for given in places):
        return {"module": name, **told}
    raise UnexplainedError(
        f"attention's {name} computes cosines and sines from something else than the tokens'"
        " positions"
    )


def _computes(tiny: TinyModel, found: Positions, *args: Any, **kwargs: Any) -> bool:
    """Whether the module computes the same from these arguments."""
    try:
        with torch.no_grad():
            parts = on_circles(tiny.hf.module(found.source)(*args, **kwargs))
    except Exception:
        # Whatever a module raises that wants something else.
        return False
    own = (found.cos, found.sin)
    return parts is not None and all(
        part.numel() == other.numel() and not changed(part.reshape(other.shape), other)
        for part, other in zip(parts, own, strict=True)
    )


def layers_rotating(tiny: TinyModel, spec: Spec) -> tuple[Facet, str]:
    """The policy of layers that rotate, and the evidence for it.

    Raises:
        UnexplainedError: if no policy of the language fits.
    """
    candidates: list[Facet] = ["all", "handed", *_flags(tiny, spec), "hybrid_sliding"]
    specs = [(policy, _with_rope(spec, layers=policy)) for policy in candidates]
    left = _fitting(tiny, spec, specs, claims_positions.rope_layers, rotation_found)
    if not left:
        shown = [n for n, turns in rotation_found(_subject(spec, tiny)).items() if turns]
        if not shown:
            raise UnexplainedError(
                "no layer rotates queries and keys, and no facet describes other positions"
            )
        raise UnexplainedError(f"layers {shown} rotate, by a rule that no facet describes")
    return left[0], _rule_evidence(left)


def window(tiny: TinyModel, spec: Spec) -> tuple[Facet, str]:
    """The policy of how far layers see, and the evidence for it.

    Raises:
        UnexplainedError: if no policy of the language fits.
    """
    keys = [
        key for key, value in window_settings(tiny.config).items() if not isinstance(value, bool)
    ]
    public = [key for key in keys if not key.startswith("_")]
    # Sizes are no rule, but a name may say nothing: those that do come first.
    flags = sorted(_attributes(tiny, spec), key=lambda name: "window" not in name)
    named = [{"flag": flag} for flag in flags]
    candidates: list[Facet] = [
        "none",
        *({"config": key} for key in public),
        *named,
        "sliding_layers",
    ]
    specs = [(policy, _with_attention(spec, window=policy)) for policy in candidates]
    left = _fitting(tiny, spec, specs, claims_positions.window, reach_found)
    if not left:
        shown = reach_found(_subject(spec, tiny))
        raise UnexplainedError(f"layers see {shown} tokens, by a rule that no facet describes")
    return left[0], _rule_evidence(left)


def _rule_evidence(left: list[Facet]) -> str:
    others = f"; so would {', '.join(map(str, left[1:]))}" if len(left) > 1 else ""
    return f"fits every config tried{others}"


def _fitting(
    tiny: TinyModel,
    spec: Spec,
    candidates: Iterable[tuple[Facet, Spec]],
    check: Check,
    found: Any,
) -> list[Facet]:
    """The policies that hold on the model, and where config keys change what layers do."""
    left = [(policy, one) for policy, one in candidates if _holds(check, one, tiny)]
    for other, changes in _moved(tiny, spec, found) if left else ():
        fitting = [(policy, one) for policy, one in left if _holds(check, one, other, changes)]
        # Where none fits, the key does something else; whatever names it has to say what.
        left = fitting or left
    return [policy for policy, _ in left]


def _moved(tiny: TinyModel, spec: Spec, found: Any) -> Iterator[tuple[TinyModel, dict[str, Any]]]:
    """The model under other values of keys that say where, if layers then do something else."""
    before = found(_subject(spec, tiny))
    for changes in _places(tiny, spec):
        other = tiny.under(changes)
        if other is None or set(other.layers) != set(tiny.layers):
            continue
        try:
            if found(_subject(spec, other)) != before:
                yield other, changes
        except UnavailableError:
            continue


def _places(tiny: TinyModel, spec: Spec) -> Iterator[dict[str, Any]]:
    """Other values of keys that may say which layers do what; lists also without any window."""
    windows = [k for k, v in window_settings(tiny.config).items() if isinstance(v, int)]
    absent = {
        k: None for k in windows if not isinstance(tiny.values.get(k), bool) and "pattern" not in k
    }
    for key, changes in perturbations(tiny.config):
        value = changes[key]
        few = isinstance(value, int) and value <= _FEW
        if key in _sizes(tiny, spec) or not (value is None or few or isinstance(value, list)):
            continue
        yield changes
        if isinstance(value, list) and absent:
            yield {**changes, **absent}


def _sizes(tiny: TinyModel, spec: Spec) -> set[str]:
    heads = getattr(spec.attention, "heads", None)
    counted = {v for v in heads.model_dump().values() if isinstance(v, str)} if heads else set()
    return {*counted, "num_hidden_layers", "hidden_size", "vocab_size"}


def _flags(tiny: TinyModel, spec: Spec) -> list[dict[str, str]]:
    return [{"flag": name} for name in _attributes(tiny, spec)]


def _attributes(tiny: TinyModel, spec: Spec) -> list[str]:
    """Plain attributes of attention modules by which layers differ, or could."""
    names: dict[str, None] = {}
    for path in tiny.below(spec.attention.path):
        for name, value in vars(tiny.hf.module(path)).items():
            plain = value is None or isinstance(value, bool | int | float)
            if plain and not name.startswith("_") and name not in ("training", "layer_idx"):
                names[name] = None
    return list(names)


def _holds(
    check: Check, spec: Spec, tiny: TinyModel, changes: Mapping[str, Any] | None = None
) -> bool:
    """Whether a check finds nothing wrong; a spec's own model must show what it claims."""
    try:
        facts = list(check.examine(_subject(spec, tiny, changes)))
    except Exception:
        # Whatever a policy meets that was not meant for the model.
        return False
    return bool(facts) and all(isinstance(fact, Fact) and fact.holds for fact in facts)


def _subject(spec: Spec, tiny: TinyModel, changes: Mapping[str, Any] | None = None) -> Subject:
    return Subject(spec, "", changes, tiny.hf)


def _with_rope(spec: Spec, **changes: Any) -> Spec:
    rope = spec.model_dump(by_alias=True)["attention"]["rope"]
    return _with_attention(spec, rope={**rope, **changes})


def _with_attention(spec: Spec, **changes: Any) -> Spec:
    tree = spec.model_dump(by_alias=True)
    return Spec.model_validate({**tree, "attention": {**tree["attention"], **changes}})
