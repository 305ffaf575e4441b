"""Broken specs: claims by which nothing is computed otherwise, and which are false all the same."""

from tests.verify.case import Case, drifting

NEEDLESS = [
    Case(
        "an embedding that is multiplied by one, whatever HF does",
        {"claims.config": "the tiny model has pretraining_tp=1, which shows nothing: set another"},
        spec="llama",
        change={"multipliers": {"embedding": "pretraining_tp"}},
    ),
    Case(
        "an embedding that HF does not multiply",
        {"claims.blocks": "module before it returned; contradicts multipliers.embedding"},
        spec="llama",
        change={"multipliers": {"embedding": "pretraining_tp"}, "tiny.pretraining_tp": 2},
    ),
    Case(
        "a class that transformers had before",
        {"claims.architecture": "transformers before 5.99 has the class; contradicts since"},
        spec="llama",
        change={"since": "5.99"},
        only=True,
    ),
    Case(
        "outputs of attention and MLP that HF does not multiply",
        {"claims.block": "does not read the residual plus attention's output; contradicts multi"},
        spec="llama",
        change={"multipliers": {"residual": "pretraining_tp"}, "tiny.pretraining_tp": 2},
    ),
    Case(
        "logits that are capped by nothing",
        {"claims.config": "the tiny model has attention_dropout=0, which shows nothing: set"},
        spec="llama",
        change={"multipliers": {"soft_cap": "attention_dropout"}},
    ),
    Case(
        "a table of positions that no module is asked for",
        {"claims.rope.layers": "HF asks no module of attention for positions, not for seq_len"},
        spec="llama",
        change={"attention.rope.length": "seq_len"},
    ),
    Case(
        "a norm of the block that no hook shows, though one does",
        {"claims.parameters": "block.ln1 leads to HF's input_layernorm already; contradicts opaq"},
        spec="llama",
        change={"opaque": ["input_layernorm"]},
    ),
    Case(
        "an activation that no hook shows, without parameters",
        {"claims.parameters": "HF's act_fn has no parameters; contradicts mlp.opaque.0"},
        spec="llama",
        change={"mlp.opaque": ["act_fn"]},
    ),
    Case(
        "a gate that is the queries",
        {"claims.projections": "the sigmoid of HF's q_proj does not multiply what the heads re"},
        spec="llama",
        change={"attention.gate": "q_proj"},
        layer=0,
    ),
    Case(
        "a norm of keys for one of what the heads return",
        {"claims.projections": "HF's o_proj does not read k_norm; contradicts attention.norm_be"},
        spec="qwen3",
        change={"attention.norm_before_o": "k_norm"},
        layer=0,
    ),
    Case(
        "a further name that is another class of transformers",
        {"claims.architecture": "another class that is called MistralForCausalLM; contradicts ali"},
        spec="llama",
        change={"aliases": ["MistralForCausalLM"]},
    ),
    Case(
        "a scale of scores that is a rate of dropout",
        {"claims.projections": "are not multiplied by 'attention_dropout'; contradicts"},
        spec="llama",
        change={"attention.scale": "attention_dropout"},
        layer=0,
    ),
    Case(
        "a cap of scores that is their scale",
        {"claims.projections": "are not capped by 'scaling'; contradicts attention.softcap"},
        spec="llama",
        change={"attention.softcap": "scaling"},
        layer=0,
    ),
    Case(
        "a default that is not that of HF",
        {"boot.defaults": "has logit_scale=0.0625, not 3.0; contradicts defaults.logit_scale"},
        spec="cohere",
        change={"defaults.logit_scale": 3.0},
    ),
    Case(
        "hidden neurons counted for TransformerLens, which knows their number",
        {"claims.mlp": "TransformerLens knows by itself that there are 80 hidden neurons; contra"},
        spec="llama",
        change={"mlp.measured": True},
    ),
    Case(
        "rounding to float32 that hides another fault",
        {"gradient.rounding": "where nothing is cast to float32 there still are differences of"},
        spec="glm",
        replace=drifting("True"),
    ),
    Case(
        "a key of the epsilon that is one of the rotation",
        {"claims.config": "'rope_parameters' changes nothing in HF's model.norm; contradicts norm"},
        spec="llama",
        change={"norm.eps": "rope_parameters", "verification.config": {}},
    ),
    Case(
        "a factor of logits that is another one's, and the key of theirs without a name",
        {
            "claims.config": "no claim names 'logits_scaling', nor does verification.config waive"
            " it; contradicts multipliers.logits"
        },
        spec="granite",
        change={"multipliers.logits": {"divide": "embedding_multiplier"}},
    ),
]
