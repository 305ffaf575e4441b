"""Broken modules and broken specs, with the checks that must fail and what their messages say.

Each check of the battery is expected by at least one case; a test holds that.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """Something that is wrong. `expected` maps failing checks to a part of their message.

    `cause` is the activation where bridge and HF first differ, `layer` the first layer that does.
    """

    name: str
    expected: dict[str, str]
    spec: str = "smollm3"
    replace: tuple[tuple[str, str], ...] = ()
    change: dict[str, Any] = field(default_factory=dict)
    layer: int | None = None


END = '            "unembed": UnembeddingBridge(name="lm_head", config=self.cfg),\n        }\n'
KV = "n_key_value_heads = self.cfg.n_key_value_heads or n_heads"
REFUSED = "\n        if cfg.attention_bias:\n            raise ValueError"
FLAGS = 'self.cfg.attn_implementation = "eager"'
ATTENTION = "_SmolLM3AttentionBridge(\n                        name"


def swapped(one: str, other: str) -> tuple[tuple[str, str], ...]:
    """Replacements that exchange two texts."""
    return ((one, other), (other, one))


def appended(code: str) -> tuple[tuple[str, str], ...]:
    """A replacement that adds code at the end of the adapter class."""
    return ((END, END + code),)


# A hook point that shows the value and throws edits of it away, and parts that have one.
DEAF = """\
from transformer_lens.hook_points import HookPoint


class _Deaf(HookPoint):
    def __call__(self, x):
        super().__call__(x.clone())
        return x


class _DeafLinear(LinearBridge):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hook_in = _Deaf()


class _DeafNorm(RMSNormalizationBridge):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hook_in = _Deaf()


"""


def deaf(old: str, new: str) -> tuple[tuple[str, str], ...]:
    """Replacements that put in a part which is deaf to edits."""
    return (("class _SmolLM3AttentionBridge", f"{DEAF}class _SmolLM3AttentionBridge"), (old, new))


MODULES = [
    Case(
        "NoPE handling removed",
        {
            "hooks.rotation": "attn.hook_rot_q differs",
            "hooks.pattern": "contradicts attention.rope.layers",
            "forward.logits": "first at blocks.3.attn.hook_rot_q; contradicts attention.rope",
            "forward.residual": "layer 3 resid_post differs",
            "forward.window": "contradicts attention.rope.layers",
            "forward.padding_left": "contradicts attention.rope.layers",
            "forward.padding_right": "contradicts attention.rope.layers",
            "hooks.stream": "contradicts attention.rope.layers",
        },
        replace=((ATTENTION, "PositionEmbeddingsAttentionBridge(\n                        name"),),
        layer=3,
    ),
    Case(
        "ln1 and ln2 swapped",
        {
            "hooks.norms": "layer 0 ln1.hook_in differs from HF by",
            "hooks.identities": "layer 0 resid_pre + attn_out is not resid_mid",
            "weights.compatibility": "contradicts block.ln1",
        },
        replace=swapped('"input_layernorm"', '"post_attention_layernorm"'),
        layer=0,
    ),
    Case(
        "k and v swapped",
        {
            "hooks.attention": "layer 0 attn.k.hook_out differs from HF by",
            "weights.attention": "contradicts attention.projections.k",
            "forward.logits": "contradicts attention.projections.k",
        },
        replace=swapped('"k_proj"', '"v_proj"'),
        layer=0,
    ),
    Case(
        "gate and in swapped",
        {
            "hooks.mlp": "layer 0 mlp.gate.hook_out differs from HF by",
            "weights.mlp": "layer 0 W_gate differs from HF by",
            "weights.compatibility": "contradicts mlp.gate",
        },
        replace=swapped('"gate_proj"', '"up_proj"'),
        layer=0,
    ),
    Case(
        "conversions dropped",
        {
            "weights.conversions": "no conversion for blocks.{i}.attn.q.weight",
            "weights.compatibility": "the bridge in compatibility mode failed: RuntimeError",
        },
        replace=appended("        self.weight_processing_conversions = {}\n"),
    ),
    Case(
        "normalization_type LN",
        {
            "config.flags": "cfg.normalization_type is 'LN', not 'RMS'; contradicts norm.kind",
            "weights.compatibility": "log-probability in compatibility mode differs",
        },
        replace=(('normalization_type = "RMS"', 'normalization_type = "LN"'),),
    ),
    Case(
        "gated_mlp False",
        {
            "config.flags": "cfg.gated_mlp is False, not True; contradicts mlp.kind",
            "weights.compatibility": "log-probability in compatibility mode differs",
        },
        replace=(("gated_mlp = True", "gated_mlp = False"),),
    ),
    Case(
        "final norm elsewhere",
        {
            "hooks.norms": "ln_final.hook_in differs",
            "forward.final_norm": "contradicts paths.final_norm",
        },
        replace=(('"model.norm"', '"model.layers.0.input_layernorm"'),),
    ),
    Case(
        "final norm nowhere",
        {
            "boot.mapping": "ln_final is mapped to 'model.final_norm', which HF does not have;"
            " contradicts paths.final_norm",
            "boot.bridge": "no attribute 'final_norm'",
        },
        replace=(('"model.norm"', '"model.final_norm"'),),
    ),
    Case(
        "attn_only True",
        {
            "config.flags": "cfg.attn_only is True, not False; contradicts mlp.path",
            "weights.folding": "layer 0 the weight of ln2 was not folded",
        },
        replace=(("attn_only = False", "attn_only = True"),),
    ),
    Case(
        "key bias split by the number of query heads",
        {
            "weights.conversions": "the conversion of blocks.{i}.attn.k.weight differs",
        },
        replace=((KV, "n_key_value_heads = n_heads"),),
    ),
    Case(
        "biases refused",
        {"variants.flags": "with attention_bias=True, the bridge failed: ValueError"},
        replace=(
            (FLAGS, f"{FLAGS}\n        if cfg.attention_bias:\n            raise ValueError"),
        ),
    ),
    Case(
        "head counts of the tiny model written down",
        {"variants.heads": "with num_attention_heads=6, num_key_value_heads=3"},
        replace=((KV, "n_heads = 4\n        n_key_value_heads = 2"),),
    ),
    Case(
        "edits between attention and MLP lost",
        {"interventions.stream": "layer 0 the output with hook_resid_mid edited differs"},
        replace=deaf(
            'RMSNormalizationBridge(name="post_attention', '_DeafNorm(name="post_attention'
        ),
        layer=0,
    ),
    Case(
        "edits of head outputs lost",
        {
            "interventions.attention": "layer 0 the output with attn.hook_z edited differs",
            "gradient.hooks": "layer 0 no gradient arrives at attn.hook_z",
        },
        replace=deaf('LinearBridge(name="o_proj")', '_DeafLinear(name="o_proj")'),
        layer=0,
    ),
    Case(
        "edits of patterns lost",
        {"interventions.pattern": "layer 0 the output with attn.hook_pattern edited differs"},
        replace=deaf(
            "    rope_optional = True\n",
            "    rope_optional = True\n\n    def __init__(self, *args, **kwargs):\n"
            "        super().__init__(*args, **kwargs)\n        self.hook_pattern = _Deaf()\n",
        ),
        layer=0,
    ),
    Case(
        "edits of hidden activations lost",
        {"interventions.mlp": "layer 0 the output with mlp.hook_post edited differs"},
        replace=deaf('LinearBridge(name="down_proj")', '_DeafLinear(name="down_proj")'),
        layer=0,
    ),
    Case(
        "a parameter left out of training",
        {
            "gradient.parameters": "HF's parameter model.norm.weight has a gradient in HF only;"
            " contradicts paths.final_norm"
        },
        replace=appended(
            "\n    def prepare_model(self, hf_model: Any) -> None:\n"
            "        hf_model.model.norm.weight.requires_grad_(False)\n"
        ),
    ),
    Case(
        "cache ignored",
        {
            "cache.prefill": "the output in chunks differs",
            "cache.padding": "the output in chunks, left-padded, differs",
            "cache.generate": "row 0 of a batch is continued with tokens [",
        },
        replace=(
            (
                "return super().forward(",
                'kwargs.pop("past_key_values", None)\n        return super().forward(',
            ),
        ),
    ),
    Case(
        "another BOS policy",
        {
            "checkpoint.tokens": "becomes tokens [[261, 257, ",
            "config.flags": "cfg.default_prepend_bos is True, not False",
        },
        replace=(("default_prepend_bos = False", "default_prepend_bos = True"),),
    ),
    Case(
        "another config while loading",
        {"checkpoint.logits": "the output for 1 strings differs from HF by"},
        replace=appended(
            "\n    def prepare_loading(self, model_name: str, model_kwargs: Any) -> None:\n"
            '        model_kwargs["config"].rms_norm_eps = 1e-2\n'
        ),
    ),
    Case(
        "other end tokens",
        {"checkpoint.generate": "generates 'the cat sat in the hat, naïve"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.eos_token_id = list(range(256))"),),
    ),
    Case(
        "8 bits where others have 16",
        {
            "precision.bfloat16": "the output in bfloat16, in units of HF's own error of",
            "precision.float16": "the padded output in float16, in units of HF's own error of",
        },
        replace=appended(
            "\n    def prepare_model(self, hf_model: Any) -> None:\n"
            "        def lose_bits(module: Any, given: Any, out: torch.Tensor) -> torch.Tensor:\n"
            "            if out.dtype is torch.float64:\n"
            "                return out\n"
            "            return out.to(torch.float8_e5m2).to(out.dtype)\n\n"
            "        hf_model.lm_head.register_forward_hook(lose_bits)\n"
        ),
    ),
    Case(
        "no rotary embedding",
        {"hooks.inventory": "has no hook 'rotary_emb.hook_cos'; contradicts paths.rotary"},
        replace=(
            (
                '            "rotary_emb": RotaryEmbeddingBridge(name="model.rotary_emb",'
                " config=self.cfg),\n",
                "",
            ),
        ),
    ),
    Case(
        "logits capped",
        {
            "forward.logits": "the output differs",
            "forward.unembed": "the unembedded final norm differs",
        },
        replace=appended(
            "\n    def apply_output_logits_transform(self, logits: torch.Tensor) -> torch.Tensor:\n"
            "        return 2 * logits\n\n"
            "    def prepare_model(self, hf_model: Any) -> None:\n"
            "        hf_model.lm_head.register_forward_hook(lambda m, a, out: 2 * out)\n"
        ),
    ),
    Case(
        "embedding scaled",
        {"weights.embedding": "W_E differs", "hooks.stream": "hook_embed differs"},
        spec="llama",
        replace=appended(
            "\n    def prepare_model(self, hf_model: Any) -> None:\n"
            "        hf_model.model.embed_tokens.weight.data.mul_(2)\n"
        ),
    ),
    Case(
        "wrong size",
        {"config.sizes": "cfg.d_mlp is 7, not 80; contradicts mlp.in"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.d_mlp = 7"),),
    ),
    Case(
        "folding not allowed",
        {
            "config.processing": "supports_fold_ln is False, not True",
            "weights.folding": "was not folded",
        },
        replace=appended("        self.supports_fold_ln = False\n"),
    ),
    Case(
        "hooks that cannot be switched on",
        {"settings.hooks": "raised NotImplementedError: use_split_qkv_input / use_attn_in"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.gated_q_proj = True"),),
    ),
    Case(
        "NoPE layers not announced",
        {"settings.warnings": "TL warns: _SmolLM3AttentionBridge(self_attn) reconstructed"},
        replace=(("rope_optional = True", "rope_optional = False"),),
    ),
    Case(
        "a flag of other architectures",
        {"config.foreign": "cfg.parallel_attn_mlp is True; contradicts block.topology"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.parallel_attn_mlp = True"),),
    ),
    Case(
        "a linear layer taken for a transposed one",
        {"boot.kinds": "blocks.attn.q is a Conv1DBridge around HF's Linear"},
        replace=(
            ('LinearBridge(name="q_proj")', 'Conv1DBridge(name="q_proj")'),
            ("    BlockBridge,\n", "    BlockBridge,\n    Conv1DBridge,\n"),
        ),
    ),
    Case(
        "no adapter in the file",
        {"boot.module": "expected one ArchitectureAdapter class in the file, found none"},
        replace=(("(ArchitectureAdapter)", "(dict)"),),
    ),
    Case(
        "an import that fails",
        {"boot.module": "ModuleNotFoundError: No module named 'nonsense' (line "},
        replace=(("from typing import Any", "from typing import Any\n\nimport nonsense"),),
    ),
    Case(
        "not Python",
        {"boot.module": "SyntaxError"},
        replace=(("class SmolLM3", "klass SmolLM3"),),
    ),
    Case(
        "exits",
        {"boot.module": "SystemExit: 3"},
        replace=(("from typing import Any", "from typing import Any\n\nraise SystemExit(3)"),),
    ),
    Case(
        "raises in its constructor",
        {"boot.mapping": "ValueError: boom (line "},
        replace=((FLAGS, f'{FLAGS}\n        raise ValueError("boom")'),),
    ),
    Case(
        "raises in forward",
        {"forward.logits": "the bridge's forward pass failed: ValueError: boom (line "},
        replace=(
            (
                "return super().forward(",
                'raise ValueError("boom")\n        return super().forward(',
            ),
        ),
    ),
]

SPECS = [
    Case(
        "config keys that nothing accounts for",
        {
            "claims.config": "HF's output changes with hidden_act=gelu, and no claim names"
            " 'hidden_act', nor does verification.config waive it"
        },
        change={"verification.config": {}},
    ),
    Case(
        "a window that no claim explains",
        {"claims.config": "HF's output changes with sliding_window=9, and no claim names"},
        spec="mistral",
        change={"attention.window": "none"},
    ),
    Case(
        "waivers out of date",
        {"claims.config": "'initializer_range' is waived, and changes nothing in HF"},
        change={"verification.config": {"initializer_range": "why not"}},
    ),
    Case(
        "a waiver of no key",
        {"claims.config": "'hidden_axt' is waived, and HF's config has no such key"},
        change={"verification.config": {"hidden_axt": "why not"}},
    ),
    Case(
        "a waiver of a key that a claim names",
        {"claims.config": "'mlp_bias' is waived, and mlp.bias.gate names it"},
        change={"verification.config": {"mlp_bias": "why not"}},
    ),
    Case(
        "RoPE on every layer",
        {"claims.rope.layers": "layer 3 does not rotate in HF, against the policy 'all'"},
        change={"attention.rope.layers": "all"},
        layer=3,
    ),
    Case(
        "another flag",
        {"claims.rope.layers": "layer 3 does not rotate in HF, against the policy 'flag'"},
        change={"attention.rope.layers": {"flag": "is_causal"}},
        layer=3,
    ),
    Case(
        "an unknown flag",
        {"claims.rope.layers": "HF's attention has no attribute 'use_ropes'"},
        change={"attention.rope.layers": {"flag": "use_ropes"}},
    ),
    Case(
        "NoPE layers that do not exist",
        {"claims.rope.layers": "the tiny model does not have rotating and NoPE layers"},
        spec="llama",
        change={"attention.rope.layers": {"flag": "is_causal"}},
    ),
    Case(
        "pairs that do not rotate together",
        {"claims.rope.pairing": "layer 0 does not pair element i with i + d_head/2 in HF"},
        spec="llama",
        change={"architecture": "CohereForCausalLM", "block.ln2": "input_layernorm"},
        layer=0,
    ),
    Case(
        "no window",
        {"claims.window": "layer 3 sees 8 of 24 tokens in HF"},
        change={"attention.window": "none"},
        layer=3,
    ),
    Case(
        "no window, and one that is longer than the text",
        {"claims.window": "layer 0 sees 8 of 24 tokens in HF with sliding_window=8"},
        spec="mistral",
        change={"attention.window": "none", "tiny.sliding_window": None},
        layer=0,
    ),
    Case(
        "a window on every layer",
        {"claims.window": "layer 0 sees 24 of 24 tokens in HF, not 8"},
        change={"attention.window": {"config": "sliding_window"}},
        layer=0,
    ),
    Case(
        "a window that the tiny model does not show",
        {"claims.window": "the tiny model does not have layers that do not see everything"},
        spec="mistral",
        change={"tiny.sliding_window": 100},
    ),
    Case(
        "no query and key norms",
        {
            "claims.qk_norm": "HF has a norm of each head behind q_proj, the spec says no norm",
            "claims.parameters": "model.layers.{i}.self_attn.q_norm.weight is reached by no path",
        },
        spec="qwen3",
        change={"attention.qk_norm": "none"},
        layer=0,
    ),
    Case(
        "query and key norms that HF lacks",
        {
            "claims.qk_norm": "HF has no norm behind q_proj",
            "claims.parameters": "HF has no parameter model.layers.{i}.self_attn.q_norm.weight;"
            " contradicts attention.qk_norm",
        },
        spec="llama",
        change={"attention.qk_norm": {"per_head": {"q": "q_norm", "k": "k_norm"}}},
    ),
    Case(
        "no biases",
        {"claims.bias": "layer 0 HF's self_attn.q_proj has a bias; contradicts attention.bias.q"},
        spec="qwen2",
        change={"attention.bias": False},
        layer=0,
    ),
    Case(
        "no biases, though a config key brings them",
        {"claims.bias": "HF's self_attn.q_proj has a bias with attention_bias=True"},
        spec="llama",
        change={"attention.bias": False},
    ),
    Case(
        "biases that HF lacks",
        {"claims.bias": "HF's self_attn.q_proj has no bias"},
        spec="mistral",
        change={"attention.bias": True},
    ),
    Case(
        "biases decided by a key that HF lacks",
        {"claims.bias": "HF's config has no key 'attention_bias'"},
        spec="mistral",
        change={"attention.bias": "attention_bias"},
    ),
    Case(
        "biases decided by another key",
        {"claims.bias": "HF's mlp.gate_proj has no bias with attention_bias=True"},
        spec="llama",
        change={"mlp.bias": "attention_bias"},
    ),
    Case(
        "embeddings never tied",
        {"claims.tied": "embedding and unembedding are tied with tie_word_embeddings=True"},
        spec="llama",
        change={"tied_embeddings": False},
    ),
    Case(
        "embeddings always tied",
        {"claims.tied": "embedding and unembedding are not tied"},
        change={"tied_embeddings": True},
    ),
    Case(
        "norms in the wrong places",
        {"claims.block": "layer 0 in HF post_attention_layernorm does not read the residual"},
        change={"block.ln1": "post_attention_layernorm", "block.ln2": "input_layernorm"},
        layer=0,
    ),
    Case(
        "norms with an offset",
        {"claims.norm": "HF's norm has an offset or a bias"},
        spec="llama",
        change={"architecture": "GemmaForCausalLM"},
    ),
    Case(
        "gate and input named the other way round",
        {"claims.mlp": "layer 0 in HF gate_proj is the gate, and up_proj the input"},
        change={"mlp.gate": "up_proj", "mlp.in": "gate_proj"},
        layer=0,
    ),
    Case(
        "keys and values named the other way round",
        {"claims.projections": "HF's v_proj plays the part of v, the spec says k"},
        change={"attention.projections.k": "v_proj", "attention.projections.v": "k_proj"},
        layer=0,
    ),
    Case(
        "folding called invalid for no reason",
        {"claims.processing": "fold_ln keeps the log-probabilities, the spec calls it invalid"},
        change={"processing.fold_ln": {"invalid": "An error."}},
    ),
    Case(
        "a projection left out",
        {"claims.parameters": "model.layers.{i}.mlp.down_proj.weight is reached by no path"},
        change={"mlp.out": "up_proj"},
    ),
    Case(
        "key and value heads counted as query heads",
        {"claims.heads": "HF's k_proj is (32, 48), not (64, 48) (4 heads of 16)"},
        change={"attention.heads.key_value": "num_attention_heads"},
    ),
    Case(
        "head size derived where the config has its own",
        {"claims.heads": "HF's q_proj is (64, 48), not (48, 48) (4 heads of 12)"},
        change={"attention.heads.head_dim": None},
    ),
    Case(
        "heads counted by a key that HF lacks",
        {"claims.heads": "HF's config has no key 'n_head'; contradicts attention.heads.query"},
        change={"attention.heads.query": "n_head"},
    ),
    Case(
        "another final norm",
        {"claims.blocks": "does not read the last block's output; contradicts paths.final_norm"},
        change={"paths.final_norm": "model.layers.0.input_layernorm"},
    ),
    Case(
        "blocks at a path that HF lacks",
        {"claims.paths": "HF's model has no 'layer', only: embed_tokens, layers"},
        change={"paths.blocks": "model.layer"},
    ),
    Case(
        "an embedding that is none",
        {"claims.paths": "HF's lm_head is of class Linear, not Embedding"},
        change={"paths.embed": "lm_head"},
    ),
    Case(
        "another model type",
        {"claims.model_type": "HF's model_type is 'smollm3', not 'smollm'"},
        change={"model_type": "smollm"},
    ),
    Case(
        "a class that HF lacks",
        {"claims.architecture": "has no SmolLM4ForCausalLM; contradicts architecture"},
        change={"architecture": "SmolLM4ForCausalLM"},
    ),
    Case(
        "a config that HF refuses",
        {"claims.architecture": "Field 'hidden_size' expected int, got str"},
        change={"tiny.hidden_size": "wide"},
    ),
]
