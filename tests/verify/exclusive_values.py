"""As in `exclusive`, of checks on values: modules that compute, show or process something wrong."""

from tests.verify.case import (
    ATTENTION,
    MLP,
    REBUILT,
    Case,
    appended,
    drifting,
    hook,
    losing_bits,
    norms,
    part,
    weight,
)

EMBED = 'EmbeddingBridge(name="model.embed_tokens"'
FINAL_NORM = 'RMSNormalizationBridge(name="model.norm"'
LOADING = "\n    def prepare_loading(self, model_name: str, model_kwargs: Any) -> None:\n        "
FOLDING = "\n    def preprocess_weights(self, state_dict: Any) -> Any:\n        "


OUTPUTS = [
    Case(
        "norms that round otherwise",
        {"forward.norms": "rounds otherwise than HF's norm; contradicts paths.final_norm"},
        spec="llama",
        replace=norms("out * (1 + 2**-50)", "True"),
    ),
    Case(
        "logits that change when somebody looks",
        {
            "forward.logits": "the output differs",
            "settings.hooks": "the output after set_use_hook_mlp_in(True) differs",
        },
        spec="llama",
        replace=part(
            'UnembeddingBridge(name="lm_head"',
            "def forward(self, *args, **kwargs):\n"
            "    logits = super().forward(*args, **kwargs)\n"
            "    return 1.001 * logits if self.hook_in.fwd_hooks else logits\n",
        ),
        because="both record every hook of the main pass and compare its logits",
    ),
    Case(
        "a cap on logits that HF does not have",
        {"forward.unembed": "the unembedded final norm differs"},
        spec="llama",
        replace=appended(
            "\n    def apply_output_logits_transform(self, logits: Any) -> Any:\n"
            "        return 2 * logits\n"
        ),
    ),
    Case(
        "drift on texts of several windows",
        {"forward.window": "the output on 48 tokens differs"},
        spec="mistral",
        replace=drifting("queries > 40"),
    ),
    Case(
        "drift with padding on the left",
        {"forward.padding_left": "the output of a left-padded batch differs"},
        spec="llama",
        replace=drifting("left and queries == keys > 20"),
    ),
    Case(
        "drift with a little padding on the right",
        {"forward.padding_right": "the output of a right-padded batch differs"},
        spec="llama",
        replace=drifting("right and padding < 8"),
    ),
    Case(
        "drift with a cache",
        {"cache.prefill": "the output in chunks differs"},
        spec="llama",
        replace=drifting("queries < keys and not left"),
    ),
    Case(
        "drift with a cache, and padding on the left",
        {"cache.padding": "the output in chunks, left-padded, differs"},
        spec="llama",
        replace=drifting("queries < keys and left"),
    ),
    Case(
        "other tokens after padding and a text of some length",
        {"cache.generate": "row 0 of a padded batch is continued with tokens ["},
        spec="llama",
        replace=drifting("queries == 1 and keys > 24 and left and padding < 8", "9 * output"),
    ),
    Case(
        "another BOS policy while loading",
        {"checkpoint.tokens": "'the cat sat in the hat, naïve' becomes tokens ["},
        spec="llama",
        replace=appended(f"{LOADING}self.cfg.default_prepend_bos = False\n"),
    ),
    Case(
        "a config that is a little different while loading",
        {"checkpoint.logits": "the output for 1 strings differs"},
        spec="llama",
        replace=appended(f'{LOADING}model_kwargs["config"].rms_norm_eps *= 1.001\n'),
    ),
    Case(
        "8 bits of bfloat16",
        {"precision.bfloat16": "the output in bfloat16, in units of HF's own error of"},
        replace=losing_bits("out.dtype is torch.bfloat16"),
    ),
    Case(
        "8 bits of float16",
        {"precision.float16": "the output in float16, in units of HF's own error of"},
        replace=losing_bits("out.dtype is torch.float16"),
    ),
]

HOOKS = [
    Case(
        "edits of what is normalised that change more",
        {"interventions.norms": "the output of norm with hook_normalized edited differs"},
        spec="llama",
        replace=norms("1.001 * out", REBUILT),
    ),
    Case(
        "a hook that shows another stream behind blocks",
        {
            "forward.residual": "layer 1 resid_post differs",
            "hooks.stream": "layer 1 hook_out differs",
            "hooks.identities": "layer 1 resid_mid + mlp_out is not resid_post",
        },
        spec="llama",
        replace=hook(
            'BlockBridge(\n                name="model.layers"', "hook_out", "_later(_Shifted)"
        ),
        because="the stream around blocks is a part of all hooks of the stream, and of the sums",
    ),
    Case(
        "a hook that shows another output of the final norm",
        {
            "forward.final_norm": "the final norm differs",
            "hooks.norms": "ln_final.hook_out differs",
        },
        spec="llama",
        replace=hook(FINAL_NORM, "hook_out", "_Shifted"),
        because="the final norm's output is a part of all hooks of norms",
    ),
    Case(
        "a hook that shows another embedding",
        {"hooks.stream": "embed.hook_out differs"},
        spec="llama",
        replace=hook(EMBED, "hook_out", "_Doubled"),
    ),
    Case(
        "a hook that shows another input of the final norm",
        {"hooks.norms": "ln_final.hook_in differs"},
        spec="llama",
        replace=hook(FINAL_NORM, "hook_in", "_Doubled"),
    ),
    Case(
        "a hook that shows other queries",
        {"hooks.attention": "layer 0 attn.q.hook_out differs"},
        spec="llama",
        replace=hook('LinearBridge(name="q_proj"', "hook_out", "_Doubled"),
    ),
    Case(
        "a hook that shows other rotated queries",
        {"hooks.rotation": "layer 0 attn.hook_rot_q differs"},
        spec="llama",
        replace=hook(ATTENTION, "hook_rot_q", "_Doubled"),
    ),
    Case(
        "a hook that shows patterns the other way round",
        {"hooks.pattern": "layer 0 attn.hook_pattern differs"},
        spec="llama",
        replace=hook(ATTENTION, "hook_pattern", "_Reversed"),
    ),
    Case(
        "a hook that shows another gate",
        {"hooks.mlp": "layer 1 mlp.gate.hook_out differs"},
        spec="llama",
        replace=hook('LinearBridge(name="gate_proj"', "hook_out", "_later(_Shifted)"),
    ),
    Case(
        "edits of queries lost",
        {"interventions.attention": "layer 1 the output with attn.hook_q edited differs"},
        spec="llama",
        replace=hook('LinearBridge(name="q_proj"', "hook_out", "_later(_Deaf)"),
    ),
    Case(
        "gradients at head outputs lost",
        {"gradient.hooks": "layer 1 no gradient arrives at attn.hook_z"},
        spec="llama",
        replace=hook('LinearBridge(name="o_proj"', "hook_in", "_later(_Detached)"),
    ),
]

WEIGHTS = [
    Case(
        "W_Q doubled",
        {"weights.attention": "layer 0 W_Q differs"},
        spec="llama",
        replace=weight(ATTENTION, "W_Q"),
    ),
    Case(
        "W_in doubled",
        {"weights.mlp": "layer 0 W_in differs"},
        spec="llama",
        replace=weight(MLP, "W_in"),
    ),
    Case(
        "W_E doubled",
        {"weights.embedding": "W_E differs"},
        spec="llama",
        replace=weight(EMBED, "W_E"),
    ),
    Case(
        "a weight doubled while folding",
        {"weights.compatibility": "log-probability in compatibility mode differs"},
        spec="llama",
        replace=appended(
            f'{FOLDING}state_dict["blocks.0.mlp.gate.weight"] *= 2\n        return state_dict\n'
        ),
    ),
    Case(
        "a norm left out of folding",
        {"weights.folding": "layer 0 the weight of ln2 was not folded into what reads it"},
        spec="llama",
        replace=appended(f"{FOLDING}self.cfg.attn_only = True\n        return state_dict\n"),
    ),
]

VALUES = [*OUTPUTS, *HOOKS, *WEIGHTS]
