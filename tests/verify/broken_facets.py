"""Broken specs: norms, blocks and outputs that HF has otherwise."""

from typing import Any

from tests.verify.case import Case

LN1, LN2 = "input_layernorm", "post_attention_layernorm"
SANDWICH = {"ln2": "pre_feedforward_layernorm", "ln2_post": "post_feedforward_layernorm"}
PARALLEL = {"topology": "parallel", "ln1": LN1, "ln2": LN2}
SHARED = {"topology": "shared", "ln1": LN1}


def layouts(key: str, block: dict[str, str]) -> dict[str, Any]:
    """A change to one other layout."""
    return {"layouts": [{"when": key, "block": block}]}


NORMS = [
    Case(
        "LayerNorms that are RMSNorms",
        {"claims.norm": "HF's norm behaves like RMS, not LN; contradicts norm.kind"},
        spec="llama",
        change={"norm": {"kind": "layer", "bias": False, "eps": "rms_norm_eps"}},
    ),
    Case(
        "RMSNorms that are LayerNorms",
        {"claims.norm": "HF's norm behaves like LN, not RMS; contradicts norm.kind"},
        spec="starcoder2",
        change={"norm": {"kind": "rms", "eps": "norm_epsilon"}},
    ),
    Case(
        "weights with an offset called scales",
        {"claims.norm": "the weight of HF's norm is 'offset', not 'scale'"},
        spec="gemma",
        change={"norm.weight": "scale"},
    ),
    Case(
        "weights called offsets that are scales",
        {"claims.norm": "the weight of HF's norm is 'scale', not 'offset'"},
        spec="llama",
        change={"norm.weight": "offset"},
    ),
    Case(
        "weights where norms have none",
        {
            "claims.norm": "the weight of HF's norm is 'none', not 'scale'",
            "claims.parameters": "HF has no parameter model.norm.weight",
        },
        spec="olmo",
        change={"norm.weight": "scale"},
    ),
    Case(
        "norms without the weights that they have",
        {
            "claims.norm": "the weight of HF's norm is 'scale', not 'none'",
            "claims.parameters": "input_layernorm.weight is reached by no path",
        },
        spec="llama",
        change={"norm.weight": "none"},
    ),
    Case(
        "norms without the biases that they have",
        {
            "claims.norm": "HF's norm has a bias; contradicts norm.bias",
            "claims.parameters": "input_layernorm.bias is reached by no path",
        },
        spec="starcoder2",
        change={"norm.bias": False},
    ),
    Case(
        "norms with biases that they lack",
        {
            "claims.norm": "HF's norm has no bias; contradicts norm.bias",
            "claims.parameters": "HF has no parameter model.norm.bias",
        },
        spec="cohere",
        change={"norm.bias": True},
    ),
    Case(
        "a key of another number for the norms",
        {"claims.config": "'initializer_range' changes nothing in HF's model.norm; contradicts no"},
        spec="llama",
        change={"norm.eps": "initializer_range"},
    ),
]

BLOCKS = [
    Case(
        "norms on outputs that are on inputs",
        {"claims.block": "in HF the residual does not feed attention; contradicts block.topology"},
        spec="llama",
        change={"block": {"topology": "post", "ln1_post": LN1, "ln2_post": LN2}},
        layer=0,
    ),
    Case(
        "norms on inputs that are on outputs",
        {"claims.block": f"in HF {LN2} does not read the residual; contradicts block.ln1"},
        spec="olmo2",
        change={"block": {"topology": "pre", "ln1": LN2, "ln2": SANDWICH["ln2_post"]}},
        layer=0,
    ),
    Case(
        "norms on both sides, of which outputs' are left out",
        {
            "claims.block": "does not read the residual plus attention's output",
            "claims.parameters": f"{LN2}.weight is reached by no path",
        },
        spec="gemma2",
        change={"block": {"topology": "pre", "ln1": LN1, "ln2": SANDWICH["ln2"]}},
        layer=0,
    ),
    Case(
        "norms on both sides that are on inputs",
        {
            "claims.paths": f"has no '{LN2}', only: ",
            "claims.parameters": f"HF has no parameter model.layers.{{i}}.{LN2}.weight",
        },
        spec="vaultgemma",
        change={"block": {"topology": "sandwich", "ln1": LN1, "ln1_post": LN2, **SANDWICH}},
    ),
    Case(
        "norms between attention and MLP swapped",
        {"claims.block": f"{LN2} does not read attention's output; contradicts block.ln1_post"},
        spec="glm4",
        change={"block.ln1_post": LN2, "block.ln2": "post_self_attn_layernorm"},
        layer=0,
    ),
    Case(
        "attention and MLP side by side that are one after the other",
        {"claims.block": f"in HF {LN2} does not read the residual; contradicts block.topology"},
        spec="llama",
        change={"block": PARALLEL},
        layer=0,
    ),
    Case(
        "attention and MLP behind one norm that have one each",
        {
            "claims.block": "what the topology says does not feed the MLP",
            "claims.parameters": f"{LN2}.weight is reached by no path",
        },
        spec="llama",
        change={"block": SHARED},
        layer=0,
    ),
    Case(
        "attention and MLP one after the other that are side by side",
        {"claims.block": f"{LN1} does not read the residual plus attention's output"},
        spec="cohere",
        change={"block": {"topology": "pre", "ln1": LN1, "ln2": LN1}},
        layer=0,
    ),
    Case(
        "a layout left out",
        {"claims.block": f"{LN2} does not read the residual plus attention's output"},
        spec="gpt_neox",
        change={"layouts": []},
        layer=0,
    ),
    Case(
        "a layout of another topology",
        {"claims.block": "what the topology says does not feed the MLP"},
        spec="gpt_neox",
        change=layouts("use_parallel_residual", SHARED),
        layer=0,
    ),
    Case(
        "a layout under another key",
        {"claims.block": f"{LN2} does not read the residual plus attention's output"},
        spec="gpt_neox",
        change=layouts("tie_word_embeddings", PARALLEL),
        layer=0,
    ),
    Case(
        "a layout left out that the tiny model has not",
        {"claims.parameters": f"HF has no parameter model.layers.{{i}}.{LN2}.weight with use_para"},
        spec="stablelm",
        change={"layouts": []},
    ),
    Case(
        "norms on outputs always, which a key decides",
        {"claims.parameters": "HF has no parameter model.layers.{i}.post_norm1.weight with use_po"},
        spec="hyperclovax",
        change={"block.post_norms": True},
    ),
    Case(
        "norms on outputs never, which a key decides",
        {"claims.parameters": "post_norm1.weight is reached by no path"},
        spec="hyperclovax",
        change={"block.post_norms": False},
    ),
]

OUTPUTS = [
    *(
        Case(
            f"{which} in {spec}",
            {check: text},
            spec=spec,
            change=change,
            layer=0,
        )
        for which, spec, change, check, text in (
            (
                "an embedding whose multiplier is left out", "granite",
                {"multipliers.embedding": None},
                "claims.blocks", "layer 0 does not read what the module before it returned",
            ),
            (
                "an embedding with a multiplier that HF lacks", "llama",
                {"multipliers": {"embedding": "initializer_range"}},
                "claims.blocks", "layer 0 does not read what the module before it returned",
            ),
            (
                "outputs whose multiplier is left out", "granite",
                {"multipliers.residual": None},
                "claims.block", "does not read the residual plus attention's output",
            ),
            (
                "outputs with a multiplier that HF lacks", "llama",
                {"multipliers": {"residual": "initializer_range"}},
                "claims.block", "does not read the residual plus attention's output",
            ),
            (
                "outputs with a factor of one key too many", "granite",
                {"multipliers.residual": "residual_multiplier / sqrt(num_hidden_layers)"},
                "claims.block", "does not read the residual plus attention's output",
            ),
        )
    ),
    Case(
        "an unembedding without the bias that it has",
        {"claims.parameters": "HF's lm_head has a bias; contradicts unembed_bias"},
        spec="phi",
        change={"unembed_bias": False},
    ),
    Case(
        "an unembedding with a bias that it lacks",
        {"claims.parameters": "HF has no parameter lm_head.bias; contradicts unembed_bias"},
        spec="llama",
        change={"unembed_bias": True},
    ),
    Case(
        "an unembedding whose bias another key decides",
        {"claims.parameters": "HF has no parameter lm_head.bias with attention_bias=True"},
        spec="phimoe",
        change={"unembed_bias": "attention_bias"},
    ),
    Case(
        "a default of a key that nothing reads",
        {"boot.defaults": "the adapter does not read 'rope_theta'"},
        spec="llama",
        change={"defaults": {"rope_theta": 1.0}},
        only=True,
    ),
    Case(
        "models called refused that are not",
        {
            "claims.refused": "a model with attention_bias set is right once it is wrapped",
            "boot.refused": "a model with attention_bias is wrapped all the same",
        },
        spec="llama",
        change={"refused": {"attention_bias": "No reason."}},
    ),
    Case(
        "rounding to float32 that does not happen",
        {"gradient.rounding": "everything agrees to "},
        spec="llama",
        change={"verification.float32": "No reason."},
        only=True,
    ),
    Case(
        "a limit that a check does not have",
        {"claims.tied": "does not fail, the spec says: No reason."},
        spec="llama",
        change={
            "verification.checks": {
                "claims.tied": {"reason": "No reason.", "fails": ["embedding and unembedding *"]}
            }
        },
        only=True,
    ),
]  # fmt: skip

FACETS = [*NORMS, *BLOCKS, *OUTPUTS]
