"""Ways to be wrong about when HF's modules compute alone, and about what they are handed then."""

import ast
from collections.abc import Iterator

from adaptergen.verify.mutants.syntax import Wrong, classes, entries, without

BASE = "HookAwareAttentionBridge"

# The bridges that leave work to HF, and what their mutants are called.
_BRIDGES = {
    BASE: "fused",
    "LinearBridge": "linear",
    "NormalizationBridge": "norm",
    "PartBridge": "part",
    "RMSNormalizationBridge": "norm",
}
# Those of attention that TL computes.
_STEPWISE = (BASE, "PositionEmbeddingsAttentionBridge", "MLAAttentionBridge")

# What else must be true of `points`, the bridge's hooks, for it to count as observed.
_OBSERVED = {
    "never": ("HF computes alone whatever is hooked", "False"),
    "not_by_gradients": (
        "HF computes alone where only gradients are hooked",
        "any(point.has_hooks('fwd') for point in points)",
    ),
    "not_by_spliced": (
        "HF computes alone where a module is in a hook point's place",
        "any(point.has_hooks() for point in points)",
    ),
    "not_by_permanent": (
        "HF computes alone where all hooks are permanent",
        "any(point.has_hooks(including_permanent=False) for point in points)",
    ),
}
_UNFORKED = """\
    def _forks(self):
        return False
"""
_OBSERVED_ATTENTION = {
    "not_by_pattern": (
        "HF computes attention though scores or pattern are hooked",
        "not self.hook_pattern.has_hooks() and not self.hook_attn_scores.has_hooks()",
    ),
}

# Notices all that `is_observed` does, by what compiled code is not guarded by.
_UNGUARDED = """\
    def is_observed(self):
        return any(
            type(point).__name__ != "HookPoint" or point._forward_hooks or point._backward_hooks
            for name, point in self._modules.items()
            if name.startswith("hook_") and name not in {ends}
        )
"""

# Leaves a norm to TL wherever that asks no module for hooks which it has not.
_BY_TL = """\
    def forward(self, *args, **kwargs):
        from transformer_lens.model_bridge.generalized_components import NormalizationBridge
        points = (self.hook_scale, self.hook_normalized)
        if any(not hasattr(point, "bwd_hooks") or point.bwd_hooks for point in points):
            return super().forward(*args, **kwargs)
        return NormalizationBridge.forward(self, *args, **kwargs)
"""

# What HF's classes call the cache that they hand to attention.
_CACHES = ("cache", "past_key_values", "layer_past")

_WITHOUT_CACHE = """\
    def _as_tl_names(self, args, kwargs):
        named = super()._as_tl_names(args, kwargs)
        named.pop("past_key_values", None)
        return named
"""

# What is done to the arguments of attention that HF computes.
_HANDED = {
    "mask": ("HF's attention is handed no mask", "kwargs['attention_mask'] = None"),
    "cache": (
        "HF's attention is handed no cache",
        f"kwargs = {{key: kwargs[key] for key in kwargs if key not in {_CACHES}}}",
    ),
}


def attentions_asked(tree: ast.Module) -> Wrong:
    """An adapter that lets TL ask for patterns whenever something is cached."""
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    for index, statement in enumerate(adapter.body):
        if ast.unparse(statement).startswith("supports_hf_output_attentions ="):
            with without(adapter.body, index):
                yield "fused.supports.dropped", "TL may ask HF for patterns"


def methods(bridge: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of each wrong method of a bridge that leaves work to HF."""
    if bridge in _STEPWISE:
        yield "attention.cache.unknown", f"{bridge}: TL is handed no cache", _WITHOUT_CACHE
    if bridge not in _BRIDGES:
        return
    role = _BRIDGES[bridge]
    observed = _OBSERVED | (_OBSERVED_ATTENTION if bridge == BASE else {})
    for name, (description, condition) in observed.items():
        value = f"super().is_observed() and ({condition})"
        text = f"{bridge}: {description}"
        yield f"{role}.observed.{name}", text, _method("is_observed", value)
    text = f"{bridge}: compiled code does not notice hooks attached later"
    ends = ("hook_in", "hook_out") if bridge == BASE else ()
    yield f"{role}.observed.unguarded", text, _UNGUARDED.format(ends=ends)
    if bridge == BASE:
        yield from _of_attention(role, tree)
    if role == "norm":
        text = f"{bridge}: what a hook changes in place inside of it is lost"
        yield "norm.in_place", text, _BY_TL


def _of_attention(role: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    never = "HF never computes attention"
    yield f"{role}.always_observed", never, _method("is_observed", "True")
    for name, (description, change) in _HANDED.items():
        body = f"        if not self.is_observed():\n            {change}\n"
        yield f"{role}.{name}.forgotten", description, _forward(body)
    # Without a norm before attention there is nothing to pass by.
    if any(entry.name.endswith(".ln1") for entry in entries(tree)):
        text = "HF computes attention though heads have inputs of their own"
        yield f"{role}.forks.ignored", text, _UNFORKED
    ignoring = "        kwargs.pop('output_attentions', None)\n"
    text = "HF computes attention though patterns are asked for"
    yield f"{role}.output_attentions.ignored", text, _forward(ignoring)


def _method(name: str, value: str) -> str:
    points = "[point for point in self.children() if hasattr(point, 'has_hooks')]"
    return f"    def {name}(self):\n        points = {points}\n        return {value}\n"


def _forward(body: str) -> str:
    signature = "    def forward(self, *args, **kwargs):\n"
    return f"{signature}{body}        return super().forward(*args, **kwargs)\n"
