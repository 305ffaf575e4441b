"""For each check that no other broken input isolates: one that nothing else in the battery catches.

Many of these modules are wrong on purpose where nobody looks but the one check: they show that it
is not made redundant by the others. Where several checks cannot be told apart, a case says why.
"""

from tests.verify.case import (
    ATTENTION,
    FLAGS,
    PREPARING,
    REBUILT,
    Case,
    appended,
    norms,
    part,
    swapped,
)
from tests.verify.exclusive_values import VALUES

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
        "models that are refused and would be right",
        {"claims.refused": "a model with tie_word_embeddings set is right once it is wrapped"},
        spec="llama",
        change={"refused": {"tie_word_embeddings": "No reason."}},
        replace=appended(
            f"{PREPARING}"
            "if hf_model.config.tie_word_embeddings:\n"
            "            raise NotImplementedError\n"
        ),
    ),
    Case(
        "models that the spec refuses and the module takes",
        {"boot.refused": "a model with alibi is wrapped all the same"},
        spec="falcon",
        replace=(("if hf_model.config.alibi:", "if False:"),),
    ),
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
        replace=appended("        self.__class__ = BaseAdapter\n"),
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

EXCLUSIVE = [*CLAIMS, *SETTING_UP, *VALUES]
