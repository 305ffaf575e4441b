"""Config keys that change what HF computes and that no facet names: what takes care of each.

A key is explained if HF's own module computes with it, one that the adapter runs as it is, and the
adapter gives HF's output with every value tried.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import ModuleFolder, apart, keeps_function, with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.language.values import MAX_NAME, UNLESS
from adaptergen.language.written import written
from adaptergen.spec.leaves import keys_named
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Valid
from adaptergen.spec.verification import KnownFailure
from adaptergen.verify import probe
from adaptergen.verify.call import Call
from adaptergen.verify.check import ROUNDED
from adaptergen.verify.checks.claims_fields import effect
from adaptergen.verify.known import as_known
from adaptergen.verify.perturb import moves, shown
from adaptergen.verify.structure import reshapes
from adaptergen.verify.subject import Subject
from adaptergen.verify.sweep import CHECKS, examine


def waivers(tiny: TinyModel, spec: Spec, modules: ModuleFolder, findings: Findings) -> Spec:
    """The spec with every key explained; what cannot be is added to what is unexplained.

    A boolean key under which the adapter is wrong becomes one under which it refuses a model. Of
    another key, values under which it is wrong are limits, if it is right under others.
    """
    subject = modules.subject(tiny, spec)
    named = keys_named(spec)
    reasons: dict[str, str] = {}
    refused = dict(spec.refused)
    limits: dict[str, KnownFailure] = {}
    for key, settings in moves(tiny.config).items():
        if key in named:
            continue
        effective = [change for change in settings if effect(subject, change)]
        if not effective:
            continue
        judged = _judged(tiny, spec, subject, effective)
        value = tiny.values.get(key)
        if isinstance(value, float) and all(judged.values()):
            judged |= _judged(tiny, spec, subject, [{key: value / 2}])
        wrong = {setting: said for setting, said in judged.items() if said}
        if len(wrong) < len(judged):
            reasons[key] = _explanation(tiny, effective)
            for changes in (change for change in effective if shown(change) in wrong):
                setting = shown(changes)
                # As the sweep over settings finds it, which looks for limits.
                problems = examine(subject, changes, CHECKS).problems
                if problems and len(setting) <= MAX_NAME:
                    limits[setting] = as_known(problems, wrong[setting])
                else:
                    findings.unexplained.append(_unexplained(key, setting, wrong[setting]))
        elif isinstance(value, bool):
            setting = f"{UNLESS}{key}" if value else key
            refused[setting] = "The model then computes what no facet describes."
        else:
            setting, said = next(iter(wrong.items()))
            findings.unexplained.append(_unexplained(key, setting, said))
    for key, reason in reasons.items():
        findings.add(f"verification.config.{key}", reason, "")
    for setting, reason in refused.items():
        if setting not in spec.refused:
            findings.add(f"refused.{setting}", reason, "the adapter differs from HF under it")
    if limits:
        findings.add("verification.limits", written(limits), "")
    verification = {**spec.verification.model_dump(), "config": reasons, "limits": written(limits)}
    return with_changes(spec, verification=verification, refused=refused)


def _unexplained(key: str, setting: str, said: str) -> str:
    return f"config key '{key}', with {setting}: {said}"


def _judged(
    tiny: TinyModel, spec: Spec, subject: Subject, settings: list[dict[str, Any]]
) -> dict[str, str]:
    """Faults of the adapter under each setting; none where it gives HF's output."""
    return {shown(changes): _wrong(tiny, spec, subject, changes) for changes in settings}


def _wrong(tiny: TinyModel, spec: Spec, subject: Subject, changes: dict[str, Any]) -> str:
    """How the adapter differs from HF under other config values, if it does."""
    other = tiny.under(changes)
    if other is None:
        return ""
    if reshapes(tiny.hf, changes):
        return "HF's parameters are others, which no facet describes."
    moved = Subject(spec, subject.module_path, changes, other.hf, thrifty=True)
    difference = apart(moved)
    if difference > ROUNDED:
        return f"The adapter differs from HF by {difference:.1e}."
    valid = isinstance(spec.processing.compatibility_mode, Valid)
    if valid and not keeps_function(moved):
        return "Log-probabilities are not HF's in compatibility mode."
    return ""


def _explanation(tiny: TinyModel, settings: list[dict[str, Any]]) -> str:
    for changes in settings:
        other = tiny.under(changes)
        found = next(_computing(tiny, other), None) if other is not None else None
        if found is not None:
            return f"HF's {found} computes with it, and the adapter gives HF's output"
    return "The adapter gives HF's output with every value tried"


def _computing(tiny: TinyModel, other: TinyModel) -> Iterator[str]:
    """Modules that return something else for the same input, those inside of others first."""
    for path, call in tiny.hf.seen.calls.items():
        if other.hf.has(path) and _differs(tiny, other, path, call):
            yield _generic(tiny, path)


def _differs(tiny: TinyModel, other: TinyModel, path: str, call: Call) -> bool:
    try:
        with torch.no_grad():
            pairs = zip(
                _tensors(tiny.hf.rerun(path, call)),
                _tensors(other.hf.rerun(path, call)),
                strict=False,
            )
            return any(one.shape != two.shape or probe.changed(one, two) for one, two in pairs)
    except Exception:
        # Some modules keep state between calls, or want more than they were given.
        return False


def _tensors(call: Call) -> list[Tensor]:
    tensors = [value for value in call.values if isinstance(value, Tensor)]
    return [value for value in tensors if value.is_floating_point()]


def _generic(tiny: TinyModel, path: str) -> str:
    """A path below a layer as seen from the block."""
    for layer in tiny.layers.values():
        if path.startswith(f"{layer}."):
            return path.removeprefix(f"{layer}.")
    return path
