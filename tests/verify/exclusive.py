"""For each check that no other broken input isolates: one that nothing else in the battery catches.

Many of these modules are wrong on purpose where nobody looks but the one check: they show that it
is not made redundant by the others. Where several checks cannot be told apart, a case says why.
"""

from tests.verify.case import (
    ATTENTION,
    FLAGS,
    MLP,
    PREPARING,
    REBUILT,
    Case,
    appended,
    drifting,
    hook,
    losing_bits,
    norms,
    part,
    swapped,
    weight,
)

EMBED = 'EmbeddingBridge(name="model.embed_tokens"'
FINAL_NORM = 'RMSNormalizationBridge(name="model.norm"'
LOADING = "\n    def prepare_loading(self, model_name: str, model_kwargs: Any) -> None:\n        "
FOLDING = "\n    def preprocess_weights(self, state_dict: Any) -> Any:\n        "

NO_COMPATIBILITY = appended("        self.supports_compatibility_mode = False\n")
INCOMPATIBLE = {"processing.compatibility_mode": {"invalid": "Not what this is about."}}

SCALES = ("attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier")


def waived(*keys: str) -> dict[str, str]:
    """Config keys that are not what a case is about."""
    return dict.fromkeys(("rope_parameters", *keys), "Not what this is about.")


GRANITE = {"architecture": "GraniteForCausalLM", "verification.config": waived(*SCALES)}

CLAIMS = [
    Case(
        "an embedding that is scaled on its way to the blocks",
        {"claims.blocks": "layer 0 does not read what the module before it returned"},
        spec="llama",
        change={**GRANITE, "tiny.embedding_multiplier": 2.0},
    ),
    Case(
        "outputs that are scaled on their way to the residual stream",
        {
            "claims.block": "does not read the residual plus attention's output",
            "hooks.identities": "layer 0 resid_pre + attn_out is not resid_mid",
        },
        spec="llama",
        change={**GRANITE, "tiny.residual_multiplier": 0.5},
        because="hooks that show HF's values add up as HF's do",
    ),
    Case(
        "norms that HF has with another config",
        {"claims.parameters": "post_norm1.weight with use_post_norm=True is reached by no path"},
        spec="llama",
        change={
            "architecture": "HyperCLOVAXForCausalLM",
            "tiny.use_post_norm": False,
            "verification.config": waived(*SCALES, "use_post_norm"),
        },
    ),
    Case(
        "keys and values named the other way round, in a module that knows",
        {"claims.projections": "HF's v_proj plays the part of v, the spec says k"},
        spec="qwen3",
        change={
            "attention.projections.k": "v_proj",
            "attention.projections.v": "k_proj",
            "tiny.attention_bias": True,
            "processing.compatibility_mode": {
                "invalid_where": {"key": "attention_bias", "reason": "Not what this is about."}
            },
        },
        replace=(
            *appended(
                f"{PREPARING}"
                "self.supports_compatibility_mode = not hf_model.config.attention_bias\n"
            ),
            *swapped('"k_proj"', '"v_proj"'),
            *part(
                ATTENTION,
                "def forward(self, *args, **kwargs):\n"
                "    parts = self._modules\n"
                '    parts["k"], parts["v"] = parts["v"], parts["k"]\n'
                "    try:\n"
                "        return super().forward(*args, **kwargs)\n"
                "    finally:\n"
                '        parts["k"], parts["v"] = parts["v"], parts["k"]\n',
            ),
        ),
    ),
    Case(
        "attention too even to show a norm",
        {"claims.qk_norm": "HF has a norm of each head behind q_proj, the spec says no norm"},
        spec="llama",
        change={**GRANITE, "tiny.attention_multiplier": 1e-4},
    ),
    Case(
        "embeddings never tied, and the key waived",
        {"claims.tied": "embedding and unembedding are tied with tie_word_embeddings=True"},
        spec="llama",
        change={
            "tied_embeddings": False,
            "verification.config": waived("tie_word_embeddings"),
        },
    ),
    Case(
        "norms with an offset that nothing is folded around",
        {"claims.norm": "the weight of HF's norm is 'offset', not 'scale'"},
        spec="llama",
        change={"architecture": "GemmaForCausalLM", "mlp.bias": False, **INCOMPATIBLE},
        replace=(*NO_COMPATIBILITY, *norms("m.original_component(x)", REBUILT)),
    ),
    Case(
        "an activation that does nothing, in a module that knows",
        {"claims.mlp": "HF's MLP is not act(gate_proj(x)) * up_proj(x)"},
        spec="llama",
        change={"tiny.hidden_act": "linear", **INCOMPATIBLE},
        replace=NO_COMPATIBILITY,
    ),
    Case(
        "pairs that do not rotate together, in a module that knows",
        {
            "claims.rope.pairing": "layer 0 does not pair elements as 'half' says in HF",
            "hooks.inventory": "HF's activations failed: RuntimeError",
        },
        spec="llama",
        change={
            "architecture": "Ernie4_5ForCausalLM",
            "model_type": "ernie4_5",
            "attention.bias": "use_bias",
            "mlp.bias": "use_bias",
        },
        replace=part(
            ATTENTION,
            "def forward(self, *args, **kwargs):\n"
            "    self.config.rotary_adjacent_pairs = True\n"
            "    try:\n"
            "        return super().forward(*args, **kwargs)\n"
            "    finally:\n"
            "        self.config.rotary_adjacent_pairs = False\n",
        ),
        because="HF's queries cannot be turned in pairs that do not rotate together",
    ),
    Case(
        "folding called invalid for no reason, in a module that agrees",
        {"claims.processing": "fold_ln keeps the log-probabilities, the spec calls it invalid"},
        spec="llama",
        change={"processing.fold_ln": {"invalid": "An error."}},
        replace=appended("        self.supports_fold_ln = False\n"),
    ),
]

SETTING_UP = [
    Case(
        "a projection that may be left out",
        {"boot.optional": "blocks.attn.q is optional, and HF always has it"},
        spec="llama",
        replace=(('LinearBridge(name="q_proj")', 'LinearBridge(name="q_proj", optional=True)'),),
    ),
    Case(
        "attention left as it was loaded",
        {"boot.attention": "the adapter makes attention 'sdpa', not 'eager'"},
        spec="llama",
        replace=appended("\n    def prepare_model(self, hf_model: Any) -> None:\n        pass\n"),
    ),
    Case(
        "a mapping that is put right when TL asks for it",
        {"boot.mapping": "ln_final is mapped to 'model.final_norm', which HF does not have"},
        spec="llama",
        replace=(
            ('"model.norm"', '"model.final_norm"'),
            *appended(
                "\n    def get_component_mapping(self) -> Any:\n"
                '        self.component_mapping["ln_final"].name = "model.norm"\n'
                "        return self.component_mapping\n"
            ),
        ),
    ),
    Case(
        "an adapter of another class",
        {"boot.bridge": "TL used another adapter than the module's"},
        spec="llama",
        replace=appended("        self.__class__ = ArchitectureAdapter\n"),
    ),
    Case(
        "a final norm that is no RMSNorm",
        {"config.flags": "cfg.final_rms is False, not True; contradicts norm.kind"},
        spec="llama",
        replace=(("final_rms = True", "final_rms = False"),),
    ),
    Case(
        "centring not allowed while no more and no fewer keys are set",
        {"config.processing": "supports_center_writing_weights is False, not True"},
        spec="llama",
        replace=appended(
            f"{PREPARING}"
            "self.supports_center_writing_weights = (\n"
            "            sum(v is True for v in hf_model.config.to_dict().values()) != 2\n"
            "        )\n"
        ),
    ),
    Case(
        "attention without hooks that can be switched on",
        {"settings.hooks": "raised NotImplementedError: use_attn_result: none of"},
        spec="llama",
        replace=part(ATTENTION, "supports_attn_result = False\n"),
    ),
    Case(
        "another flag where embeddings are tied",
        {"variants.flags": "with tie_word_embeddings=True, cfg.final_rms is False, not True"},
        spec="llama",
        replace=(
            (
                FLAGS,
                f"{FLAGS}\n        if cfg.tie_word_embeddings:\n"
                "            self.cfg.final_rms = False",
            ),
        ),
    ),
]

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
            "forward.residual": "layer 0 resid_post differs",
            "hooks.stream": "layer 0 hook_out differs",
            "hooks.identities": "layer 0 resid_mid + mlp_out is not resid_post",
        },
        spec="llama",
        replace=hook('BlockBridge(\n                name="model.layers"', "hook_out", "_Shifted"),
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
        {"hooks.mlp": "layer 0 mlp.gate.hook_out differs"},
        spec="llama",
        replace=hook('LinearBridge(name="gate_proj"', "hook_out", "_Shifted"),
    ),
    Case(
        "edits of queries lost",
        {"interventions.attention": "layer 0 the output with attn.hook_q edited differs"},
        spec="llama",
        replace=hook('LinearBridge(name="q_proj"', "hook_out", "_Deaf"),
    ),
    Case(
        "gradients at head outputs lost",
        {"gradient.hooks": "layer 0 no gradient arrives at attn.hook_z"},
        spec="llama",
        replace=hook('LinearBridge(name="o_proj"', "hook_in", "_Detached"),
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

EXCLUSIVE = [*CLAIMS, *SETTING_UP, *OUTPUTS, *HOOKS, *WEIGHTS]
