"""Wrong modules: flags of TL's config, values that it lacks, and steps that an adapter allows."""

import ast

from adaptergen.verify.mutants.syntax import (
    Wrong,
    changed,
    classes,
    defaults,
    flags,
    with_item,
    without,
    word,
)

# Wrong values of flags, by the right one; booleans are negated.
_OTHER_VALUES = {
    "RMS": "LN",
    "LN": "RMS",
    "rotary": "standard",
    "right": "left",
    "left": "right",
    "eager": "sdpa",
    "sdpa": "eager",
}

# Flags of TL's config that describe other architectures, with a value that belongs to those.
_FOREIGN_FLAGS = {
    "gated_q_proj": True,
    "output_logits_soft_cap": 2.0,
    "parallel_attn_mlp": True,
    "qk_norm_after_rope": True,
    "rmsnorm_uses_offset": True,
    "rotary_adjacent_pairs": True,
    "rotary_interleaved_cos_sin": True,
}


def defaults_dropped(tree: ast.Module) -> Wrong:
    """A key of HF's config that a config made by hand then lacks."""
    found = defaults(tree)
    for index, key in enumerate(found.keys):
        name = word(key)
        with without(found.keys, index), without(found.values, index):
            yield f"defaults.{name}.dropped", f"cfg.{name} has no default"


def flags_dropped(tree: ast.Module) -> Wrong:
    """A flag that is not set."""
    for body, index, flag, _ in flags(tree):
        with without(body, index):
            yield f"flags.{flag}.dropped", f"cfg.{flag} is not set"


def flags_changed(tree: ast.Module) -> Wrong:
    """A flag with another value."""
    for _, _, flag, constant in flags(tree):
        value = constant.value
        other = not value if isinstance(value, bool) else _OTHER_VALUES.get(str(value))
        if other is not None:
            with changed(constant, "value", other):
                yield f"flags.{flag}.{other}", f"cfg.{flag} is {other!r}, not {value!r}"


def flags_added(tree: ast.Module) -> Wrong:
    """A flag of other architectures."""
    found = list(flags(tree))
    known = {flag.rpartition(".")[2] for _, _, flag, _ in found}
    body, index, *_ = found[0]
    for flag, value in _FOREIGN_FLAGS.items():
        if flag not in known:
            statement = ast.parse(f"self.cfg.{flag} = {value!r}").body[0]
            with with_item(body, index, statement):
                yield f"flags.{flag}.added", f"cfg.{flag} is set to {value!r}"


def steps_changed(tree: ast.Module) -> Wrong:
    """A weight-processing step that the adapter forbids or allows against the spec."""
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    for step in ("fold_ln", "center_writing_weights", "compatibility_mode"):
        attribute = f"supports_{step}"
        found = [n for n in adapter.body if ast.unparse(n).startswith(f"{attribute} =")]
        for statement in found:
            with without(adapter.body, adapter.body.index(statement)):
                yield f"steps.{step}.allowed", f"{attribute} is not False"
        # What is set for each model anyway, the class may set or not.
        if not found and f"self.{attribute} =" not in ast.unparse(adapter):
            statement = ast.parse(f"{attribute} = False").body[0]
            with with_item(adapter.body, 1, statement):
                yield f"steps.{step}.forbidden", f"{attribute} is False"
