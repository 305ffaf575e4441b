"""Broken modules: adapters that do not do what HF does, or what their spec says."""

from tests.verify.case import (
    ATTENTION,
    FLAGS,
    MLP,
    PREPARING,
    Case,
    appended,
    hook,
    losing_bits,
    made,
    swapped,
)

KV = "n_key_value_heads = self.cfg.n_key_value_heads or n_heads"
NOPE = "_SmolLM3AttentionBridge(\n                        name"

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
        replace=((NOPE, ATTENTION),),
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
        replace=(
            ("cfg.gated_mlp = True", "cfg.gated_mlp = True\n        self.cfg.attn_only = True"),
        ),
    ),
    Case(
        "key bias split by the number of query heads",
        {
            "weights.conversions": "the conversion of blocks.{i}.attn.k.weight differs",
        },
        replace=((KV, "n_key_value_heads = n_heads"),),
        only=True,
    ),
    Case(
        "a number that decides a layout overlooked",
        {"variants.flags": "with new_decoder_architecture=True, num_ln_in_parallel_attn=1, the b"},
        spec="falcon",
        replace=(("num_ln_in_parallel_attn != 1", "num_ln_in_parallel_attn != 5"),),
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
        only=True,
    ),
    Case(
        "edits between attention and MLP lost",
        {"interventions.stream": "layer 0 the output with hook_resid_mid edited differs"},
        replace=hook('RMSNormalizationBridge(name="post_attention', "hook_in", "_Deaf"),
        layer=0,
        only=True,
    ),
    Case(
        "edits of head outputs lost",
        {
            "interventions.attention": "layer 0 the output with attn.hook_z edited differs",
            "gradient.hooks": "layer 0 no gradient arrives at attn.hook_z",
        },
        replace=hook('LinearBridge(name="o_proj")', "hook_in", "_Deaf"),
        layer=0,
    ),
    Case(
        "edits of patterns lost",
        {"interventions.pattern": "layer 0 the output with attn.hook_pattern edited differs"},
        spec="llama",
        replace=hook(ATTENTION, "hook_pattern", "_Deaf"),
        layer=0,
        only=True,
    ),
    Case(
        "edits of hidden activations lost",
        {"interventions.mlp": "layer 0 the output with mlp.hook_post edited differs"},
        replace=hook('LinearBridge(name="down_proj")', "hook_in", "_Deaf"),
        layer=0,
        only=True,
    ),
    Case(
        "a parameter left out of training",
        {
            "gradient.parameters": "HF's parameter model.norm.weight has a gradient in HF only;"
            " contradicts paths.final_norm"
        },
        replace=appended(f"{PREPARING}hf_model.model.norm.weight.requires_grad_(False)\n"),
        only=True,
    ),
    Case(
        "outputs overwritten after hooks have seen them",
        {"hooks.kept": "the cached mlp.out.hook_out differs"},
        spec="llama",
        replace=made(
            MLP,
            "part.register_forward_hook(lambda m, args, out: (out.clone(), out.data.zero_())[0])",
        ),
        layer=0,
        only=True,
    ),
    Case(
        "norms that TL computes itself",
        {"forward.norms": "layer 0 rounds otherwise than HF's input_layernorm"},
        spec="starcoder2",
        replace=((", use_native_layernorm_autograd=True", ""),),
    ),
    Case(
        "an offset of weights that TL is not told of",
        {
            "interventions.norms": "the output of norm with hook_normalized edited differs",
            "config.flags": "cfg.rmsnorm_uses_offset is False, not True; contradicts norm.weight",
        },
        spec="gemma",
        replace=(("rmsnorm_uses_offset = True", "rmsnorm_uses_offset = False"),),
    ),
    Case(
        "a router that may be left out",
        {"boot.optional": "blocks.mlp.gate is optional, and HF always has it"},
        spec="mixtral",
        replace=(('MoERouterBridge(name="gate")', 'MoERouterBridge(name="gate", optional=True)'),),
    ),
    Case(
        "attention left as it was loaded, where a setting is copied",
        {"boot.attention": "the adapter makes attention 'sdpa', not 'eager'"},
        spec="gpt_oss",
        replace=(("        super().prepare_model(hf_model)\n", ""),),
        only=True,
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
                "kwargs.pop('past_key_values', kwargs.pop('cache', None))\n"
                "        return super().forward(",
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
        only=True,
    ),
    Case(
        "8 bits where others have 16",
        {
            "precision.bfloat16": "the output in bfloat16, in units of HF's own error of",
            "precision.float16": "the padded output in float16, in units of HF's own error of",
        },
        replace=losing_bits("out.dtype is not torch.float64"),
    ),
    Case(
        "no rotary embedding",
        {"hooks.inventory": "has no hook 'rotary_emb.hook_cos'; contradicts paths.rotary"},
        replace=(
            (
                '            "rotary_emb": RotaryEmbeddingBridge(name="model.rotary_emb"),\n',
                "",
            ),
        ),
        only=True,
    ),
    Case(
        "logits capped",
        {
            "forward.logits": "the output differs",
            "forward.unembed": "the unembedded final norm differs",
        },
        replace=appended(
            "\n    def apply_output_logits_transform(self, logits: torch.Tensor) -> torch.Tensor:\n"
            "        return 2 * logits\n"
            f"{PREPARING}hf_model.lm_head.register_forward_hook(lambda m, a, out: 2 * out)\n"
        ),
    ),
    Case(
        "embedding scaled",
        {"weights.embedding": "W_E differs", "hooks.stream": "hook_embed differs"},
        spec="llama",
        replace=appended(f"{PREPARING}hf_model.model.embed_tokens.weight.data.mul_(2)\n"),
    ),
    Case(
        "wrong size",
        {"config.sizes": "cfg.d_mlp is 7, not 80; contradicts mlp.out"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.d_mlp = 7"),),
        only=True,
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
        only=True,
    ),
    Case(
        "a flag of other architectures",
        {"config.flags": "cfg.parallel_attn_mlp is True, not False; contradicts block.topology"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.parallel_attn_mlp = True"),),
        only=True,
    ),
    Case(
        "a linear layer taken for a transposed one",
        {"boot.kinds": "blocks.attn.q is a Conv1DBridge around HF's Linear"},
        replace=(
            ('LinearBridge(name="q_proj")', 'Conv1DBridge(name="q_proj")'),
            ("    BlockBridge,\n", "    BlockBridge,\n    Conv1DBridge,\n"),
        ),
        only=True,
    ),
    Case(
        "no adapter in the file",
        {"boot.module": "expected one ArchitectureAdapter class in the file, found none"},
        replace=(("(BaseAdapter)", "(dict)"),),
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
        only=True,
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
