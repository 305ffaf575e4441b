"""Broken specs: claims that name what HF does not have, under no config."""

from tests.verify.case import Case

NAMES = [
    Case(
        "query and key norms that no config brings about",
        {"claims.named": "HF's LlamaConfig has no key 'nosuch_key'"},
        spec="llama",
        change={
            "attention.qk_norm": {
                "per_head": {"q": "nosuch_q", "k": "nosuch_k", "present": "nosuch_key"}
            }
        },
    ),
    Case(
        "norms that a key of something else is said to bring about",
        {
            "claims.named": "HF's self_attn has 'q_layernorm' with qk_layernorm=True, which is not"
            " what the spec says; contradicts attention.qk_norm.per_head.present"
        },
        spec="stablelm",
        change={
            "attention.qk_norm": {
                "per_head": {"q": "q_layernorm", "k": "nosuch_k", "present": "tie_word_embeddings"}
            }
        },
    ),
    Case(
        "dense layers that have other names",
        {"claims.named": "HF's mlp has no 'nosuch_b' under any config that is run; it has"},
        spec="qwen3_moe",
        change={"mlp.dense": {"gate": "gate_proj", "in": "nosuch_b", "out": "down_proj"}},
    ),
    Case(
        "dense layers that do not exist",
        {
            "claims.named": "HF's mlp has no 'nosuch_a' under any config that is run; it has gate,"
            " experts; write `mlp.dense: null` if there is none; contradicts mlp.dense.gate",
            "claims.mlp": "every layer of the tiny model has experts",
        },
        spec="mixtral",
        change={"mlp.dense": {"gate": "nosuch_a", "in": "nosuch_b", "out": "nosuch_c"}},
    ),
    Case(
        "dense layers that do not exist, by names of experts",
        {"claims.mlp": "every layer of the tiny model has experts: set its config so that one"},
        spec="flex_olmo",
        change={"mlp.dense": {"gate": "gate", "in": "gate", "out": "experts"}},
    ),
    Case(
        "a shared expert behind a projection that HF lacks",
        {"claims.named": "HF's mlp has no 'shared_gate' under any config that is run"},
        spec="qwen2_moe",
        change={"mlp.shared.mix": "shared_gate"},
    ),
    Case(
        "a projection of uncompressed queries that HF lacks",
        {"claims.named": "HF's self_attn has no 'query_proj' under any config that is run"},
        spec="deepseek_v3",
        change={"attention.q": "query_proj"},
    ),
    Case(
        "another layout that a key of another class brings about",
        {"claims.named": "HF's LlamaConfig has no key 'use_parallel_residual'"},
        spec="llama",
        change={
            "layouts": [
                {
                    "when": "use_parallel_residual",
                    "block": {"topology": "shared", "ln1": "input_layernorm"},
                }
            ]
        },
    ),
    Case(
        "a layout with a norm that HF lacks",
        {"claims.named": "HF's block has no 'ln_mpl' under any config that is run; it has ln_mlp"},
        spec="falcon",
        change={
            "layouts": [
                {
                    "when": "new_decoder_architecture",
                    "block": {"topology": "parallel", "ln1": "ln_attn", "ln2": "ln_mpl"},
                },
                {
                    "when": "parallel_attn",
                    "block": {"topology": "shared", "ln1": "input_layernorm"},
                },
            ]
        },
    ),
    Case(
        "models refused for a key that HF lacks",
        {"claims.named": "HF's FalconConfig has no key 'alibi_bias'"},
        spec="falcon",
        change={"refused": {"alibi_bias": "No reason.", "alibi": "A reason."}},
    ),
    Case(
        "a tiny model by a key that HF lacks",
        {"claims.named": "HF's LlamaConfig has no key 'num_heads'; write `tiny.num_heads: null`"},
        spec="llama",
        change={"tiny.num_heads": 4},
    ),
    Case(
        "parameters beside the MLP that HF lacks",
        {"claims.named": "HF's mlp has no 'bias_of_experts' under any config that is run"},
        spec="afmoe",
        change={"mlp.opaque": ["expert_bias", "bias_of_experts"]},
    ),
    Case(
        "attention at the path of the MLP",
        {"claims.named": "HF's mlp has none of q_proj, k_proj, v_proj, o_proj; contradicts atte"},
        spec="llama",
        change={"attention.path": "mlp"},
    ),
    Case(
        "a bias of queries by another key than those of keys in one projection",
        {
            "claims.parameters": "HF's self_attention.query_key_value has a bias with bias=True;"
            " contradicts attention.bias.q"
        },
        spec="falcon",
        change={"attention.bias": {"q": "alibi", "k": "bias", "v": "bias", "o": "bias"}},
    ),
    Case(
        "a bias by a key with which no model is taken",
        {"claims.named": "the spec refuses models by 'alibi', so that nothing shows the claim"},
        spec="falcon",
        change={"unembed_bias": "alibi"},
        only=True,
    ),
    Case(
        "experts counted by another key",
        {"claims.mlp": "HF's router chooses among 6, vocab_size is "},
        spec="granitemoe",
        change={"mlp.count": "vocab_size"},
        layer=0,
    ),
    Case(
        "a size of heads by another key",
        {"claims.heads": "(4 heads of 4); contradicts attention.heads.head_dim"},
        spec="qwen3",
        change={"attention.heads.head_dim": "num_attention_heads"},
        layer=0,
    ),
    Case(
        "a residual that HF multiplies",
        {"claims.block": "plus attention's output; contradicts multipliers.residual"},
        spec="granite",
        change={"multipliers.residual": None},
        layer=0,
    ),
    Case(
        "an embedding that HF multiplies",
        {"claims.blocks": "module before it returned; contradicts multipliers.embedding"},
        spec="granite",
        change={"multipliers.embedding": None},
        layer=0,
    ),
    Case(
        "a layout that another key brings about",
        {"claims.block": "does not read the residual plus attention's output; contradicts layouts"},
        spec="gpt_neox",
        change={
            "layouts": [
                {
                    "when": "output_hidden_states",
                    "block": {
                        "topology": "parallel",
                        "ln1": "input_layernorm",
                        "ln2": "post_attention_layernorm",
                    },
                }
            ]
        },
        layer=0,
    ),
    Case(
        "heads of latents counted by a key that has the same value",
        {"claims.heads": "HF's o_proj reads 80 numbers, not 6 heads of 20 with num_hidden_layers"},
        spec="deepseek_v3",
        change={"attention.query_heads": "num_hidden_layers"},
    ),
    Case(
        "values of latents sized by another key of the same value",
        {"claims.heads": "HF's o_proj reads 80 numbers, not 4 heads of 24 with v_head_size=24"},
        spec="deepseek_v3",
        change={"attention.value_head_dim": "v_head_size", "tiny.v_head_size": 20},
    ),
    Case(
        "key and value heads counted by a key that has the same value",
        {"claims.heads": "with new_decoder_architecture=True, num_attention_heads=4, num_hidden"},
        spec="falcon",
        change={"attention.heads.key_value": "num_hidden_layers"},
    ),
    Case(
        "a norm inside of attention that does not normalise",
        {"claims.norm": "layer 0 HF's o_proj behaves like none, not RMS; contradicts attention"},
        spec="bitnet",
        change={"attention.norm_before_o": "o_proj"},
    ),
]
