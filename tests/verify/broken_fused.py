"""Broken modules that leave to HF what they may not, or hand it the wrong things."""

from textwrap import indent

from tests.verify.case import PREPARING, Case, Replacements, appended, losing_bits


def bridge(
    body: str,
    name: str = "HookAwareAttentionBridge",
    adapter: str = "LlamaArchitectureAdapter",
) -> Replacements:
    """A replacement that puts a subclass with this body in the place of an imported bridge."""
    before = f"\n\nclass {adapter}("
    return ((before, f"\n\nclass {name}({name}):\n{indent(body, '    ')}\n{before}"),)


ATTENTION_HOOKS = ("hook_attn_scores", "hook_pattern", "hook_rot_q", "hook_rot_k")

# Asks for PyTorch's own hooks, which TL's are too, and for modules in the places of hook points.
UNGUARDED = """\
def is_observed(self):
    points = [point for name, point in self._modules.items() if name in {names}]
    return any(
        type(point).__name__ != "HookPoint" or point._forward_hooks or point._backward_hooks
        for point in points
    )"""

# Hooks on a joint layer fire for each projection that hooks hand another tensor.
EACH = """\
def forward(self, hidden_states):
    parts, self._called_for = self._called_for, ()
    if not parts:
        return super().forward(hidden_states)
    called_for = {part.share: part for part in parts}
    runs, pieces = {}, {}
    for share in self._joint.shares:
        part = called_for.get(share)
        given = hidden_states if part is None else part.hook_in(hidden_states)
        if id(given) not in runs:
            runs[id(given)] = super().forward(given)
        pieces[share] = self._joint.piece(share, runs[id(given)])
    return self._joint.joined(pieces)"""

FUSED = [
    Case(
        "attention that is never left to HF",
        {"fused.taken": "HF computes 0 layers, not 4, with nothing hooked"},
        spec="llama",
        replace=bridge("def is_observed(self):\n    return True"),
        only=True,
        fused=True,
    ),
    Case(
        "attention that is left to HF though the pattern is hooked",
        {
            "fused.taken": "HF computes 4 layers, not 3, with hook_pattern hooked",
            "hooks.inventory": "hook_pattern fired 0 times in one pass, not once",
        },
        spec="llama",
        replace=bridge("def is_observed(self):\n    return False"),
        fused=True,
    ),
    Case(
        "a mask where none is needed",
        {"fused.mask": "layer 0 is handed a mask for unpadded text"},
        spec="llama",
        replace=bridge(
            "def forward(self, hidden_states, attention_mask=None, **kwargs):\n"
            "    length = hidden_states.shape[1]\n"
            "    if attention_mask is None and length > 1:\n"
            "        attention_mask = hidden_states.new_ones(1, 1, length, length).tril() > 0\n"
            "    return super().forward(\n"
            "        hidden_states=hidden_states, attention_mask=attention_mask, **kwargs\n"
            "    )"
        ),
        only=True,
        fused=True,
    ),
    Case(
        "norms that do not notice hooks for gradients alone",
        {"fused.noticed": "ln_final.hook_scale hears of no gradient unless it is hooked forward"},
        spec="llama",
        replace=bridge(
            "def is_observed(self):\n"
            "    points = (self.hook_in, self.hook_scale, self.hook_normalized, self.hook_out)\n"
            "    return any(not hasattr(p, 'has_hooks') or p.has_hooks('fwd') for p in points)",
            "RMSNormalizationBridge",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "linear layers that do not notice permanent hooks",
        {"fused.noticed": "attn.o.hook_in does not fire when hooked permanently"},
        spec="llama",
        replace=bridge(
            "def is_observed(self):\n"
            "    points = (self.hook_in, self.hook_out)\n"
            "    put = any(not hasattr(p, 'has_hooks') for p in points)\n"
            "    return put or any(p.has_hooks(including_permanent=False) for p in points)",
            "LinearBridge",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "a layer that passes the gradient of each of its projections on to hooks by itself",
        {"hooks.kept": "qkv.hook_in, hooked among others, is handed 3 gradients, of 1 values"},
        spec="phi3",
        replace=bridge(EACH, "JointLinearBridge", "Phi3ArchitectureAdapter"),
        layer=0,
        only=True,
        fused=True,
    ),
    Case(
        "linear layers that do not notice what is put in a hook point's place",
        {"use.spliced": "what is put in the place of blocks.0.attn.q.hook_in does not run"},
        spec="llama",
        replace=bridge(
            "def is_observed(self):\n"
            "    points = (self.hook_in, self.hook_out)\n"
            "    hooks = ('fwd_hooks', 'bwd_hooks')\n"
            "    return any(getattr(point, name, []) for point in points for name in hooks)",
            "LinearBridge",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "attention that is left to HF though heads have inputs of their own",
        {"settings.hooks": "acts otherwise once hook_attn_in is listened to"},
        spec="llama",
        replace=bridge("def _forks(self):\n    return False"),
        only=True,
        fused=True,
    ),
    Case(
        "norms that take what a hook changed in place for what it was",
        {"use.spliced": "ln1.hook_scale, against an edit in place, differs from HF by"},
        spec="llama",
        replace=bridge(
            "def forward(self, *args, **kwargs):\n"
            "    points = (self.hook_scale, self.hook_normalized)\n"
            "    if any(not hasattr(p, 'bwd_hooks') or p.bwd_hooks for p in points):\n"
            "        return super().forward(*args, **kwargs)\n"
            "    from transformer_lens.model_bridge import generalized_components as tl\n"
            "    return tl.NormalizationBridge.forward(self, *args, **kwargs)",
            "RMSNormalizationBridge",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "linear layers that ask only for what compiled code is not guarded by",
        {"use.compiled": "blocks.0.attn.q.hook_in does not fire if it is hooked after compiling"},
        spec="llama",
        replace=bridge(UNGUARDED.format(names=("hook_in", "hook_out")), "LinearBridge"),
        only=True,
        fused=True,
    ),
    Case(
        "attention that asks only for what compiled code is not guarded by",
        {"use.compiled": "hook_attn_scores does not fire if it is hooked after compiling"},
        spec="llama",
        replace=bridge(UNGUARDED.format(names=ATTENTION_HOOKS)),
        fused=True,
    ),
    Case(
        "padding forgotten where attention is left to HF",
        {"fused.agrees": "the padded output where HF computes attention differs from HF by"},
        spec="llama",
        replace=bridge(
            "def forward(self, *args, **kwargs):\n"
            "    if not self.is_observed():\n"
            '        kwargs["attention_mask"] = None\n'
            "    return super().forward(*args, **kwargs)"
        ),
        fused=True,
    ),
    Case(
        "no gradient through attention that is left to HF",
        {"fused.agrees": "q_proj._original_component.weight where HF computes attention differs"},
        spec="llama",
        replace=bridge(
            "def forward(self, *args, **kwargs):\n"
            "    output, pattern = super().forward(*args, **kwargs)\n"
            "    return (output if self.is_observed() else output.detach()), pattern"
        ),
        fused=True,
    ),
    Case(
        "folded weights left out where attention is left to HF",
        {"fused.agrees": "the output in compatibility mode where HF computes attention differs"},
        spec="llama",
        replace=bridge(
            "def forward(self, *args, **kwargs):\n"
            "    output, pattern = super().forward(*args, **kwargs)\n"
            '    padded = kwargs.get("attention_mask") is not None\n'
            "    wrong = self.compatibility_mode and padded and not self.is_observed()\n"
            "    return (output + 0.01 if wrong else output), pattern"
        ),
        only=True,
        fused=True,
    ),
    Case(
        "norms of queries left to HF, which shows positions before heads",
        {"fused.alone": "blocks.0.attn.q_norm.hook_in, hooked alone, differs from HF in shape"},
        spec="qwen3",
        replace=bridge(
            "def is_observed(self):\n"
            "    shown = ('hook_in', 'hook_out')\n"
            "    own = [p for n, p in self._modules.items() if 'hook' in n and n not in shown]\n"
            "    return any(not hasattr(p, 'has_hooks') or p.has_hooks() for p in own)",
            adapter="Qwen3ArchitectureAdapter",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "a rate of dropout that TL cannot read",
        {"forward.training": "raised TypeError: '>' not supported"},
        spec="falcon",
        replace=bridge(
            "def set_original_component(self, original_component):\n"
            "    super().set_original_component(original_component)\n"
            "    original_component.attention_dropout = torch.nn.Dropout(0.0)",
            "PositionEmbeddingsAttentionBridge",
            "FalconArchitectureAdapter",
        ),
        only=True,
    ),
    Case(
        "values of another type than pattern, without a cache",
        {"precision.bfloat16": "raised RuntimeError", "precision.float16": "raised RuntimeError"},
        spec="olmo3",
        replace=bridge(
            "def _completed(self, given):\n"
            "    cache = given.get('past_key_values')\n"
            "    completed = super()._completed(given)\n"
            "    return completed if cache is not None else {**completed, 'past_key_values': None}",
            adapter="Olmo3ArchitectureAdapter",
        ),
        fused=True,
    ),
    Case(
        "queries that HF clamps behind the hook that was shown them",
        {"variants.unset": "the value that blocks.0.attn.hook_q was handed, hooked alone"},
        spec="olmo",
        replace=bridge(
            "def set_original_component(self, original_component):\n"
            "    super().set_original_component(original_component)\n"
            "    self.submodules['q'].hands_copy = False",
            adapter="OlmoArchitectureAdapter",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "8 bits of float32",
        {"precision.float32": "in units of HF's own error of"},
        replace=losing_bits("out.dtype is torch.float32"),
        only=True,
    ),
    Case(
        "a step that a key decides by which it is not decided",
        {"config.conditions": "with use_cache=False, the adapter's supports_fold_ln is False"},
        spec="llama",
        replace=appended(f"{PREPARING}self.supports_fold_ln = hf_model.config.use_cache\n"),
        only=True,
    ),
    Case(
        "such a step where attention is left to HF",
        {"config.conditions": "with use_cache=False, the adapter's supports_fold_ln is False"},
        spec="phi3",
        replace=appended(f"{PREPARING}self.supports_fold_ln = hf_model.config.use_cache\n"),
        only=True,
        fused=True,
    ),
    Case(
        "a model of other settings that is not made ready",
        {"config.conditions": "with use_cache=False, the adapter cannot prepare HF's model"},
        spec="phi3",
        replace=appended(f"{PREPARING}assert hf_model.config.use_cache\n"),
        only=True,
        fused=True,
    ),
]
