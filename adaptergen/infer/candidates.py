"""Candidates for facets that no probe tells apart: they differ in nothing but what they compute."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import ModuleFolder, apart, with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT, ROUNDED
from adaptergen.verify.precision import uncast

# What TL reads off HF's attention by these names; a spec says other names of the same.
_READ = {"scale": "scaling", "softcap": "attn_logit_softcapping"}
# Attributes of attention with a number that may be one of those.
_MOST = 4


def fitted(tiny: TinyModel, spec: Spec, modules: ModuleFolder, findings: Findings) -> Spec:
    """The spec as it is, or the first candidate with which alone the adapter gives HF's output.

    A soft cap far above the scores changes no more than a cast to float32 does; so nothing is cast
    while candidates are compared.
    """
    attention = spec.attention
    if not isinstance(attention, ReimplementedAttention) or _apart(tiny, spec, modules) <= EXACT:
        return spec
    with uncast():
        exact = TinyModel(tiny.architecture, tiny.settings)
        difference = _apart(exact, spec, modules)
        changes = _best(exact, spec, attention, modules) if difference > EXACT else {}
    for path, value in changes.items():
        said = f"otherwise HF's output is {difference:.1e} away"
        findings.add(f"attention.{path}", value, said)
    return _with(spec, changes)


def _best(
    tiny: TinyModel, spec: Spec, attention: ReimplementedAttention, modules: ModuleFolder
) -> dict[str, Any]:
    """The changes of the first candidate that is exact, or else of the first that is near."""
    near: dict[str, Any] | None = None
    for changes in ({}, *_candidates(tiny, attention)):
        difference = _apart(tiny, _with(spec, changes), modules)
        if difference <= EXACT:
            return changes
        if difference <= ROUNDED and near is None:
            near = changes
    return near or {}


def _apart(tiny: TinyModel, spec: Spec, modules: ModuleFolder) -> float:
    return apart(modules.subject(tiny, spec))


def _candidates(tiny: TinyModel, attention: ReimplementedAttention) -> Iterator[dict[str, Any]]:
    """Changes of attention, the fewest first."""
    numbers = _numbers(tiny, attention)
    choices = {
        "rope.backward": (None, True),
        **{key: (None, *(n for n in numbers if n != read)) for key, read in _READ.items()},
    }
    tried = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    given = [{key: value for key, value in one.items() if value is not None} for one in tried]
    yield from sorted(filter(None, given), key=len)


def _numbers(tiny: TinyModel, attention: ReimplementedAttention) -> list[str]:
    """Attributes of attention that hold a number by which scores could be scaled or capped."""
    path = next(tiny.below(attention.path))
    held = vars(tiny.hf.module(path))
    public = {name: value for name, value in held.items() if not name.startswith("_")}
    return [name for name, value in public.items() if isinstance(value, float) and value][:_MOST]


def _with(spec: Spec, changes: dict[str, Any]) -> Spec:
    """The spec with some keys of attention changed."""
    tree = spec.attention.model_dump(by_alias=True)
    for path, value in changes.items():
        *parents, key = path.split(".")
        facet = tree
        for parent in parents:
            facet = facet[parent]
        facet[key] = value
    return with_changes(spec, attention=tree)
