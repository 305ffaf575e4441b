"""Words that users meet and that are no keys of specs: mutants, variants, hooks, waivers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

# Mutants of these kinds are called after the claim or the part of the module that is wrong.
_MUTANTS = (
    ("spec.*", "A wrong spec and the module built from it, checked against the wrong spec."),
    ("build.*", "The same module, checked against the right spec."),
    ("module.*", "The module with one thing in its code dropped, swapped or changed."),
)


@dataclass(frozen=True)
class Term:
    """A word: what it means, its parts in rows, and where more is said, as a sentence."""

    names: tuple[str, ...]
    meaning: str
    parts: tuple[tuple[str, str], ...] = ()
    more: str = ""

    @property
    def title(self) -> str:
        """The word itself."""
        return self.names[0]


@dataclass(frozen=True)
class Hooks:
    """Hooks of TransformerLens by pattern, without the layer; what they show and who checks it."""

    patterns: tuple[str, ...]
    meaning: str
    shape: str
    check: str


TERMS = (
    Term(
        ("mutants", "mutant", "mutation"),
        "Adapters made wrong on purpose by `verify --mutants`, which fails where every check"
        " passes on one of them. `--json FILE` holds a description of each, and the checks that"
        " fail on it.",
        _MUTANTS,
        "`adaptergen explain verification.equivalent`: how a spec lists those that pass.",
    ),
    Term(
        ("variants", "variant"),
        "Configs on which `verify --variants` repeats the comparison: the tiny config with each"
        " field moved alone, with the field that it depends on, and in pairs that bring or take"
        " parameters.",
        (),
        "`adaptergen explain verification.limits`: how a spec lists those that are known to fail.",
    ),
    Term(
        ("waivers", "waiver"),
        "A sentence in a spec that says why something which `verify` would report is right, or"
        " cannot be mended. A waiver that no longer holds fails.",
        (
            ("verification.config", "A config key that changes the output and needs no claim."),
            ("verification.checks", "A check that the adapter is known to fail."),
            ("verification.older", "The same, with older versions of transformers."),
            ("verification.limits", "A config under which the adapter is known to be wrong."),
            ("verification.equivalent", "A mutant that no check can tell from the adapter."),
            ("verification.float32", "Something that HF computes in float32."),
        ),
    ),
    Term(
        ("extends", "parent", "inherit"),
        "The spec that a spec varies, by name: the project's own come before the bundled ones."
        " Mappings merge key by key; lists, choices and facets of another kind replace the"
        " parent's. `adaptergen show NAME` prints the result, and where each value comes from.",
    ),
    Term(
        ("hooks", "hook"),
        "Points at which TransformerLens shows and edits what a model computes, such as"
        " `blocks.0.attn.hook_pattern`. `adaptergen explain hook_pattern` explains one.",
        (),
        "`adaptergen explain hooks.inventory`: the check that all of them fire.",
    ),
)

_RESIDUAL = "[batch, pos, d_model]"
_HEADS = "[batch, pos, head, d_head]"
_SCORES = "[batch, head, query_pos, key_pos]"
_NEURONS = "[batch, pos, d_mlp]"
# The first that fits counts.
HOOKS = (
    Hooks(("hook_embed", "embed.hook_out"), "Embeddings of the tokens.", _RESIDUAL, "hooks.stream"),
    Hooks(("embed.hook_in",), "The tokens.", "[batch, pos]", "hooks.stream"),
    Hooks(("hook_in", "hook_resid_pre"), "The residual stream in front of a layer.", _RESIDUAL,
          "hooks.stream"),
    Hooks(("hook_resid_mid",), "The residual stream between attention and MLP.", _RESIDUAL,
          "hooks.stream"),
    Hooks(("hook_out", "hook_resid_post"), "The residual stream behind a layer.", _RESIDUAL,
          "hooks.stream"),
    Hooks(("hook_attn_in", "hook_q_input", "hook_k_input", "hook_v_input", "hook_mlp_in"),
          "Input of attention, or of the MLP, where a switch of TransformerLens turns it on.",
          "[batch, pos, head, d_model] or [batch, pos, d_model]", "settings.hooks"),
    Hooks(("hook_attn_out",), "Output of attention as it is added to the residual stream.",
          _RESIDUAL, "hooks.attention"),
    Hooks(("hook_mlp_out",), "Output of the MLP as it is added to the residual stream.",
          _RESIDUAL, "hooks.mlp"),
    Hooks(("unembed.*", "hook_unembed"), "The unembedding: its input, and the logits.",
          "[batch, pos, d_model] or [batch, pos, d_vocab]", "hooks.stream"),
    Hooks(("*hook_cos", "*hook_sin", "rotary_emb.*"),
          "Cosines and sines by which queries and keys are rotated.", "[batch, pos, d_rotary]",
          "hooks.attention"),
    Hooks(("*hook_normalized", "*hook_scale"),
          "Inside a norm: what it divides by (scale), and the result (normalized).",
          "[batch, pos, d_model] or [batch, pos, 1]", "hooks.norms"),
    Hooks(("attn.hook_rot_*",), "Rotated queries and keys.", "[batch, head, pos, d_head]",
          "hooks.rotation"),
    Hooks(("attn.hook_attn_scores",), "Attention scores, before the softmax.", _SCORES,
          "hooks.pattern"),
    Hooks(("attn.hook_pattern",), "Attention's pattern, which is what the softmax returns.",
          _SCORES, "hooks.pattern"),
    Hooks(("attn.hook_z",), "Values summed by the pattern: what each head returns.", _HEADS,
          "hooks.attention"),
    Hooks(("attn.hook_result",),
          "What each head adds to the residual stream; on after `set_use_attn_result(True)`.",
          "[batch, pos, head, d_model]", "settings.hooks"),
    Hooks(("attn.*norm*",), "Queries or keys around their norm.", _HEADS, "hooks.attention"),
    Hooks(("attn.hook_q", "attn.hook_k", "attn.hook_v"), "Queries, keys and values by head.",
          _HEADS, "hooks.attention"),
    Hooks(("attn.hook_in", "attn.hook_out"), "Input and output of attention.", _RESIDUAL,
          "hooks.attention"),
    Hooks(("attn.*",), "Projections of attention: queries, keys, values, output and what else"
          " there is.", f"{_HEADS} or [batch, pos, width]", "hooks.attention"),
    Hooks(("*hook_expert_*", "mlp.gate.hook_out"),
          "The router: its logits, and the weights and numbers of the experts that it chooses.",
          "[tokens, experts]", "hooks.mlp"),
    Hooks(("mlp.hook_pre*",), "Gate or input of the MLP, before the activation or beside it.",
          _NEURONS, "hooks.mlp"),
    Hooks(("mlp.hook_post", "shared_mlp.hook_post"),
          "What the MLP's output projection reads: its neurons.", _NEURONS, "hooks.mlp"),
    Hooks(("mlp.*", "shared_mlp.*"), "Modules inside the MLP, their input and output.",
          "[batch, pos, width]", "hooks.mlp"),
    Hooks(("*.hook_in", "*.hook_out"), "Input and output of a norm.", _RESIDUAL, "hooks.norms"),
)  # fmt: skip

_LAYER = re.compile(r"^blocks\.(\d+|\{\w+\}|\*|N)\.")
# Parts of a layer in which a hook that is named without its part is looked for.
_PARTS = ("", "attn.", "mlp.", "ln1.")
# Names without `hook_`, as TransformerLens' cache takes them.
_SHORT = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "attn_scores")


def find_terms(words: Sequence[str]) -> Iterator[Term]:
    """What words mean that are no keys: one of the list, a mutant's name, or a hook's."""
    for word in words:
        yield from (term for term in TERMS if word.lower() in term.names)
        group, _, rest = word.partition(".")
        for pattern, said in _MUTANTS:
            if rest and pattern == f"{group}.*":
                yield Term((f"{word}, a mutant",), said, more=TERMS[0].more)
        if hooks := _hooks(f"hook_{word}" if word in _SHORT else word):
            said = f"{hooks.meaning} Shape: {hooks.shape}."
            more = f"`adaptergen explain {hooks.check}`: the check that compares it with HF."
            yield Term((f"{word}, a hook of TransformerLens",), said, more=more)


def _hooks(name: str) -> Hooks | None:
    """The hooks that a name is of; its layer may be left out, and so may the part of the layer."""
    if "hook_" not in name:
        return None
    bare = _LAYER.sub("", name)
    names = [f"{part}{bare}" for part in _PARTS] if bare.startswith("hook_") else [bare]
    for full in names:
        for hooks in HOOKS:
            for pattern in hooks.patterns:
                if full != bare and pattern.endswith(".*"):
                    continue
                if fnmatchcase(full, pattern):
                    return hooks
    return None
