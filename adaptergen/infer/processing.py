"""Valid steps of TL's weight processing: each is tried, and log-probabilities are compared."""

from collections.abc import Iterator
from functools import partial
from typing import Any, TypeAlias

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import ModuleFolder, keeps_function, with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.spec.model import Spec

Steps: TypeAlias = dict[str, Any]

_STEPS = ("fold_ln", "center_writing_weights", "compatibility_mode")
_KEPT = "log-probabilities stay HF's"


def processing(tiny: TinyModel, spec: Spec, modules: ModuleFolder, findings: Findings) -> Spec:
    """The spec with the validity of each step."""
    chosen = next(
        (steps for steps in _candidates(tiny, spec) if _works(tiny, spec, modules, steps)),
        _invalid(spec, "compatibility_mode"),
    )
    spec = with_changes(spec, processing=chosen)
    if chosen["compatibility_mode"] == "valid":
        broken = partial(_keys_that_break, tiny, modules=modules)
        if keys := broken(spec, keys=_keys_of_biases(tiny, spec)):
            chosen = {**chosen, **_invalid_where(spec, keys[0])}
        elif keys := broken(spec, keys=[layout.when for layout in spec.layouts]):
            where = {"key": keys[0], "reason": _reasons(spec)["fold_ln"]}
            chosen = {**chosen, "fold_ln": {"invalid_where": where}}
        spec = with_changes(spec, processing=chosen)
    for step, validity in chosen.items():
        said = _KEPT if validity == "valid" else "log-probabilities are not HF's otherwise"
        findings.add(f"processing.{step}", validity, said)
    return spec


def _candidates(tiny: TinyModel, spec: Spec) -> Iterator[Steps]:
    """Steps that may be valid, the most first: all, all but with some biases, none that folds."""
    for steps in (_valid(), _invalid(spec, "fold_ln")):
        yield steps
        for key in _keys_of_biases(tiny, spec):
            if tiny.values[key]:
                yield {**steps, **_invalid_where(spec, key)}


def _valid() -> Steps:
    return dict.fromkeys(_STEPS, "valid")


def _invalid(spec: Spec, step: str) -> Steps:
    return {**_valid(), step: {"invalid": _reasons(spec)[step]}}


def _invalid_where(spec: Spec, key: str) -> Steps:
    where = {"key": key, "reason": _bias_reason(spec, key)}
    return {"compatibility_mode": {"invalid_where": where}}


def _keys_of_biases(tiny: TinyModel, spec: Spec) -> list[str]:
    biases = {*spec.attention.biases.values(), *spec.mlp.biases.values()}
    return [key for key in tiny.values if key in biases]


def _works(tiny: TinyModel, spec: Spec, modules: ModuleFolder, steps: Steps) -> bool:
    """Whether the steps that are left keep the model, where the config has them at all."""
    proposed = with_changes(spec, processing=steps)
    where = steps["compatibility_mode"]
    if where == "valid":
        return keeps_function(modules.subject(tiny, proposed))
    key = where["invalid_where"]["key"]
    without = tiny.under({key: False}) is not None
    return without and keeps_function(modules.subject(tiny, proposed, {key: False}))


def _keys_that_break(
    tiny: TinyModel, spec: Spec, *, keys: list[str], modules: ModuleFolder
) -> list[str]:
    """Boolean keys, not set now, under which compatibility mode changes the model."""
    unset = [key for key in keys if not tiny.values.get(key)]
    accepted = [key for key in unset if tiny.under({key: True}) is not None]
    return [k for k in accepted if not keeps_function(modules.subject(tiny, spec, {k: True}))]


def _reasons(spec: Spec) -> dict[str, str]:
    readers = []
    if getattr(spec.attention, "gate", None):
        readers.append("the gate of attention reads ln1 too")
    if spec.side_mlp is not None:
        readers.append("experts and the MLP beside them both read ln2")
    folding = "; ".join(readers) or "log-probabilities are no longer HF's once norms are folded"
    whole = "Log-probabilities are no longer HF's in compatibility mode"
    return {"fold_ln": f"{folding[0].upper()}{folding[1:]}.", "compatibility_mode": f"{whole}."}


def _bias_reason(spec: Spec, key: str) -> str:
    if getattr(spec.attention, "gate", None):
        return "The gate multiplies value biases too, so that they cannot be folded into b_O."
    if spec.attention.sinks:
        return "Sinks take a share of attention, so that value biases cannot be folded into b_O."
    return f"Log-probabilities are no longer HF's in compatibility mode with {key}."
