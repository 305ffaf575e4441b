"""Which of TL's weight-processing steps are valid: each is tried, log-probabilities compared."""

from typing import Any

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import Workshop, keeps_function, with_changes
from adaptergen.infer.world import World
from adaptergen.spec.model import Spec

_STEPS = ("fold_ln", "center_writing_weights", "compatibility_mode")
_KEPT = "log-probabilities stay HF's"


def processing(world: World, spec: Spec, shop: Workshop, findings: Findings) -> Spec:
    """The spec with the validity of each step."""
    valid = dict.fromkeys(_STEPS, "valid")
    chosen: dict[str, Any] = valid
    if not _works(world, spec, shop, valid):
        reasons = _reasons(spec)
        for step in ("fold_ln", "compatibility_mode"):
            chosen = {**valid, step: {"invalid": reasons[step]}}
            if step == "compatibility_mode" or _works(world, spec, shop, chosen):
                break
    spec = with_changes(spec, processing=chosen)
    keys = _keys_that_break(world, spec, shop) if chosen["compatibility_mode"] == "valid" else []
    if keys:
        reason = _bias_reason(spec, keys[0])
        where = {"invalid_where": {"key": keys[0], "reason": reason}}
        chosen = {**chosen, "compatibility_mode": where}
        spec = with_changes(spec, processing=chosen)
    for step, validity in chosen.items():
        said = _KEPT if validity == "valid" else "log-probabilities are not HF's otherwise"
        findings.add(f"processing.{step}", validity, said)
    return spec


def _works(world: World, spec: Spec, shop: Workshop, steps: dict[str, Any]) -> bool:
    return keeps_function(shop.subject(world, with_changes(spec, processing=steps)))


def _keys_that_break(world: World, spec: Spec, shop: Workshop) -> list[str]:
    """Boolean keys of biases under which compatibility mode changes the model."""
    biases = {*spec.attention.biases.values(), *spec.mlp.biases.values()}
    keys = [key for key in world.values if key in biases and not world.values[key]]
    accepted = [key for key in keys if world.under({key: True}) is not None]
    return [k for k in accepted if not keeps_function(shop.subject(world, spec, {k: True}))]


def _reasons(spec: Spec) -> dict[str, str]:
    readers = []
    if getattr(spec.attention, "gate", None):
        readers.append("the gate of attention reads ln1 too")
    if spec.side_mlp is not None:
        readers.append("experts and the MLP beside them both read ln2")
    folding = "; ".join(readers) or "log-probabilities are no longer HF's once norms are folded"
    norm = getattr(spec.mlp, "norm_before_out", None)
    leaves_out = "TransformerLens then leaves out the norm before the MLP's output projection"
    whole = leaves_out if norm else "log-probabilities are no longer HF's in compatibility mode"
    return {"fold_ln": f"{folding[0].upper()}{folding[1:]}.", "compatibility_mode": f"{whole}."}


def _bias_reason(spec: Spec, key: str) -> str:
    if getattr(spec.attention, "gate", None):
        return "The gate multiplies value biases too, so that they cannot be folded into b_O."
    if spec.attention.sinks:
        return "Sinks take a share of attention, so that value biases cannot be folded into b_O."
    return f"Log-probabilities are no longer HF's in compatibility mode with {key}."
