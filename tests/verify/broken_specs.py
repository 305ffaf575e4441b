"""Broken specs: claims that HF contradicts."""

from tests.verify.case import Case

_FALCON = [
    {
        "when": "new_decoder_architecture",
        "block": {"topology": "parallel", "ln1": "ln_attn", "ln2": "ln_mlp"},
    },
    {"when": "parallel_attn", "block": {"topology": "shared", "ln1": "input_layernorm"}},
]

CLAIMS = [
    Case(
        "a number that decides a layout, not named",
        {"claims.config": "is set, with num_ln_in_parallel_attn=1 HF's parameters change, and no"},
        spec="falcon",
        change={"layouts": _FALCON},
    ),
    Case(
        "a number that HF runs no layout with",
        {"variants.flags": "HF runs no model with new_decoder_architecture=True, num_ln_in_parall"},
        spec="falcon",
        change={"layouts": [{**_FALCON[0], "unless": {"num_ln_in_parallel_attn": 4}}, _FALCON[1]]},
    ),
    Case(
        "norms of queries and keys where a number is set that always is",
        {"variants.flags": "HF runs no model with num_attention_heads=0, so that nothing shows"},
        spec="qwen3",
        change={
            "attention.qk_norm.per_head": {
                "q": "q_norm",
                "k": "k_norm",
                "present": "num_attention_heads",
            }
        },
    ),
    Case(
        "config keys that nothing accounts for",
        {
            "claims.config": "and no claim names 'rope_parameters', nor does verification.config"
            " waive it"
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
        only=True,
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
        {"claims.rope.layers": "the tiny model has no layers of both kinds, rotating and NoPE"},
        spec="llama",
        change={"attention.rope.layers": {"flag": "is_causal"}},
        only=True,
    ),
    Case(
        "pairs that do not rotate together",
        {"claims.rope.pairing": "layer 0 does not pair elements as 'half' says in HF"},
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
        {"claims.window": "the tiny model has no layer with a window shorter than its text"},
        spec="mistral",
        change={"tiny.sliding_window": 100},
        only=True,
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
        {"claims.parameters": "HF's self_attn.q_proj has a bias; contradicts attention.bias.q"},
        spec="qwen2",
        change={"attention.bias": False},
    ),
    Case(
        "no biases, though a config key brings them",
        {"claims.parameters": "HF's self_attn.q_proj has a bias with attention_bias=True"},
        spec="llama",
        change={"attention.bias": False},
    ),
    Case(
        "biases that HF lacks",
        {
            "claims.parameters": "HF has no parameter model.layers.{i}.self_attn.q_proj.bias;"
            " contradicts attention.bias.q"
        },
        spec="mistral",
        change={"attention.bias": True},
    ),
    Case(
        "biases decided by a key that HF lacks",
        {"claims.named": "HF's MistralConfig has no key 'mlp_bias'; write `mlp.bias.gate: false`"},
        spec="mistral",
        change={"mlp.bias": "mlp_bias"},
        only=True,
    ),
    Case(
        "biases decided by another key",
        {
            "claims.parameters": "HF has no parameter model.layers.{i}.mlp.gate_proj.bias"
            " with attention_bias=True; contradicts mlp.bias.gate"
        },
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
        {"claims.norm": "the weight of HF's norm is 'offset', not 'scale'"},
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
        "compatibility mode called invalid where a key is set that always is",
        {
            "claims.processing": "compatibility_mode keeps the log-probabilities with"
            " return_dict=True, attention_bias=False, the spec calls it invalid"
        },
        spec="gpt_oss",
        change={
            "processing.compatibility_mode": {
                "invalid_where": {"key": "return_dict", "reason": "No reason."}
            }
        },
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
        only=True,
    ),
    Case(
        "heads counted by a key that HF lacks",
        {"claims.named": "HF's SmolLM3Config has no key 'n_head'"},
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
        only=True,
    ),
    Case(
        "a class that HF lacks",
        {"claims.architecture": "has no SmolLM4ForCausalLM; code in a folder is run with"},
        change={"architecture": "SmolLM4ForCausalLM"},
        only=True,
    ),
    Case(
        "a config that HF refuses",
        {"claims.architecture": "got str (value: 'wide'); contradicts tiny.hidden_size"},
        change={"tiny.hidden_size": "wide"},
    ),
    Case(
        "a bias of norms that HF lacks",
        {"claims.parameters": "HF has no parameter model.norm.bias; contradicts norm.bias"},
        spec="llama",
        change={"norm": {"kind": "layer", "bias": True, "eps": "rms_norm_eps"}},
    ),
]
