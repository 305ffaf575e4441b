"""Broken modules: adapters that do not do what HF does, or what their spec says."""

from tests.verify.broken_fused import bridge
from tests.verify.case import (
    ATTENTION,
    FLAGS,
    MLP,
    PREPARING,
    Case,
    appended,
    hook,
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
        "biases that HF has never split by head",
        {
            "weights.conversions": "the adapter withholds the conversion of blocks.{i}.attn.q.bias",
        },
        change={"tiny.attention_bias": True},
        replace=appended("\n    def setup_hook_compatibility(self, bridge):\n        pass\n"),
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
        "a gated MLP computed by TransformerLens",
        {"variants.activation": "with hidden_act=tanh, log-probability in compatibility mode"},
        replace=(
            (
                "from .mlp import GatedMLPBridge",
                "from transformer_lens.model_bridge.generalized_components import GatedMLPBridge",
            ),
        ),
        only=True,
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
        {"interventions.stream": "layer 1 the output with hook_resid_mid edited differs"},
        replace=hook('RMSNormalizationBridge(name="post_attention', "hook_in", "_later(_Deaf)"),
        layer=1,
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
        {"interventions.pattern": "layer 1 the output with attn.hook_pattern edited differs"},
        spec="llama",
        replace=hook(ATTENTION, "hook_pattern", "_later(_Deaf)"),
        layer=1,
        only=True,
    ),
    Case(
        "edits of hidden activations lost",
        {"interventions.mlp": "layer 1 the output with mlp.hook_post edited differs"},
        replace=hook('LinearBridge(name="down_proj")', "hook_in", "_later(_Deaf)"),
        layer=1,
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
        replace=bridge(
            "def forward(self, hidden_states):\n"
            "    return self.hook_out(self._python_norm_forward(self.hook_in(hidden_states)))",
            "NormalizationBridge",
            "Starcoder2ArchitectureAdapter",
        ),
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
                "return super().reconstructed(",
                "kwargs.pop('past_key_values', kwargs.pop('cache', None))\n"
                "        return super().reconstructed(",
            ),
        ),
    ),
]
