"""Broken specs: attention, positions and windows that HF has otherwise."""

from typing import Any

from tests.verify.case import Case


def qk_norm(word: str, q: str = "q_norm", k: str = "k_norm", **others: Any) -> dict[str, Any]:
    """A change to other query and key norms."""
    return {"attention.qk_norm": {word: {"q": q, "k": k, **others}}}


ATTENTION = [
    Case(
        "a pattern that more than one softmax makes, in HF's own attention",
        {"claims.softmax": "the pattern of HF's attention is what one softmax returns"},
        spec="llama",
        change={
            "attention": {
                "kind": "delegated", "reason": "None.", "path": "self_attn", "softmax": False,
                "projections": {
                    "kind": "separate", "q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "o_proj"
                },
                "heads": {
                    "query": "num_attention_heads",
                    "key_value": "num_key_value_heads",
                    "head_dim": "head_dim",
                },
                "bias": "attention_bias", "window": "none", "rotary": True,
            }
        },
        only=True,
    ),
    Case(
        "latents taken for each other",
        {
            "claims.latents": "q_b_proj does not read what model.layers.0.self_attn.kv_a_layernorm",
            "hooks.inventory": "layer 0 attn.q_b_proj.hook_in has shape (2, 24, 32)",
            "hooks.attention": "layer 0 attn.q_b_proj.hook_in differs",
        },
        spec="deepseek_v3",
        change={"attention.q_b": "kv_b_proj", "attention.kv_b": "q_b_proj"},
        layer=0,
        only=True,
        because="hooks are held against the module that the spec names",
    ),
    Case(
        "norms of whole queries that are of each head",
        {"claims.qk_norm": "HF has a norm of each head behind q_proj, the spec says a norm of all"},
        spec="qwen3",
        change=qk_norm("full_width"),
        layer=0,
    ),
    Case(
        "norms of each head that are of whole queries",
        {"claims.qk_norm": "HF has a norm of all heads together behind q_proj, the spec says"},
        spec="olmo2",
        change=qk_norm("per_head"),
        layer=0,
    ),
    Case(
        "one norm for all heads where each has a module",
        {"claims.parameters": "q_layernorm.norms.{i}.weight with qk_layernorm=True is reached"},
        spec="stablelm",
        change=qk_norm("per_head", "q_layernorm", "k_layernorm", present="qk_layernorm"),
    ),
    Case(
        "a module for each head where one norm is for all",
        {"claims.parameters": "self_attn.q_norm.weight is reached by no path"},
        spec="qwen3",
        change=qk_norm("head_modules"),
    ),
    Case(
        "query and key norms always, which a key decides",
        {
            "claims.qk_norm": "HF has no norm behind q_proj, the spec says a norm of each head",
            "claims.parameters": "HF has no parameter model.layers.{i}.self_attn.q_layernorm",
        },
        spec="phi",
        change=qk_norm("per_head", "q_layernorm", "k_layernorm"),
    ),
    Case(
        "query and key norms under another key",
        {"claims.parameters": "self_attn.q_layernorm.weight with tie_word_embeddings=True"},
        spec="phi",
        change=qk_norm("per_head", "q_layernorm", "k_layernorm", present="tie_word_embeddings"),
    ),
    Case(
        "fused heads in the other order, one after the other",
        {"claims.projections": "contradicts attention.projections.layout"},
        spec="gpt_neox",
        change={"attention.projections.layout": "stacked"},
        layer=0,
    ),
    Case(
        "fused heads in the other order, in groups",
        {"claims.projections": "contradicts attention.projections.layout"},
        spec="phi3",
        change={"attention.projections.layout": "grouped"},
        layer=0,
    ),
    Case(
        "one projection in place of three that are fused",
        {
            "claims.projections": "HF's qkv_proj plays the part of k, the spec says q",
            "claims.heads": "HF's qkv_proj is (128, 48), not (64, 48) (4 heads of 16)",
        },
        spec="phi3",
        change={
            "attention.projections": {
                "kind": "separate", **dict.fromkeys("qkv", "qkv_proj"), "o": "o_proj"
            }
        },
        layer=0,
    ),
    Case(
        "a fused projection in place of three",
        {
            "claims.heads": "HF's q_proj is (64, 48), not (128, 48) (8 heads of 16)",
            "claims.parameters": "self_attn.k_proj.weight is reached by no path",
        },
        spec="llama",
        change={
            "attention.projections": {
                "kind": "fused", "qkv": "q_proj", "o": "o_proj", "layout": "stacked"
            }
        },
        layer=0,
    ),
    Case(
        "sinks left out",
        {"claims.parameters": "self_attn.sinks is reached by no path"},
        spec="gpt_oss",
        change={"attention.sinks": None},
    ),
    Case(
        "sinks that HF lacks",
        {"claims.parameters": "HF has no parameter model.layers.{i}.self_attn.sinks"},
        spec="llama",
        change={"attention.sinks": "sinks"},
    ),
    Case(
        "a cache that HF's attention does not return",
        {"claims.returns": "returns (output, pattern), the spec says (output, pattern, cache)"},
        spec="llama",
        change={"attention.returns": ["output", "pattern", "cache"]},
        layer=0,
        only=True,
    ),
    Case(
        "an output that is in a tuple",
        {"claims.returns": "returns (output, pattern), the spec says output"},
        spec="qwen3",
        change={"attention.returns": "output"},
        layer=0,
    ),
]  # fmt: skip

POSITIONS = [
    *(
        Case(
            f"{claimed} pairs where HF's are others, in {spec}",
            {"claims.rope.pairing": text},
            spec=spec,
            change={"attention.rope.pairing": claimed},
            layer=0,
        )
        for claimed, spec, text in (
            ("adjacent", "llama", "does not pair elements as 'adjacent' says in HF"),
            ("half", "glm", "does not pair elements as 'half' says in HF"),
            ("interleaved", "glm", "HF's cosines do not come in the order of the elements"),
            ("half", "cohere", "does not pair elements as 'half' says in HF"),
            ("adjacent", "cohere", "HF's cosines come in the order of the elements"),
        )
    ),
    *(
        Case(
            f"cosines {claimed} in {spec}",
            {"claims.rope.pairing": text},
            spec=spec,
            change={"attention.rope.cosines": claimed},
            layer=0,
        )
        for claimed, spec, text in (
            # Half of each head rotates, or all of it by half as many cosines.
            ("per_pair", "phi", "rotates 6 elements of a head by 6 cosines in HF, not by 3"),
            ("per_element", "gpt_oss", "rotates 16 elements of a head by 8 cosines in HF"),
        )
    ),
    Case(
        "a mask that attention should make by itself",
        {"claims.window": "HF hands attention its mask"},
        spec="llama",
        change={"attention.own_mask": True},
        layer=0,
    ),
    Case(
        "a mask under another name",
        {"claims.window": "HF hands attention its mask as attention_mask, not as seen"},
        spec="llama",
        change={"attention.mask_argument": "seen"},
        layer=0,
    ),
    Case(
        "a cache in another order than HF's",
        {"claims.returns": "HF's cache is laid out as batch_head_pos, the spec says"},
        spec="llama",
        change={"attention.cached": "pos_batch_head"},
        layer=0,
    ),
    Case(
        "a mask that should be true of what is hidden",
        {"claims.window": "HF's mask is true of what is seen"},
        spec="llama",
        change={"attention.mask_hides": True},
        layer=0,
    ),
    Case(
        "positions that should be handed to attention as something else",
        {
            "claims.rope.layers": "HF hands attention cosines and sines as position_embeddings,"
            " not as freqs"
        },
        spec="llama",
        change={"attention.rope.argument": "freqs"},
        layer=0,
    ),
    Case(
        "a module inside of attention that should compute positions",
        {"claims.rope.layers": "HF's model computes cosines and sines, not q_proj"},
        spec="llama",
        change={"attention.rope.module": "q_proj"},
        layer=0,
    ),
    Case(
        "RoPE on layers that see everything too",
        {"claims.rope.layers": "layer 3 does not rotate in HF, against the policy 'all'"},
        spec="exaone4",
        change={"attention.rope.layers": "all"},
        layer=3,
    ),
    Case(
        "RoPE on layers to which HF hands nothing",
        {"claims.rope.layers": "layer 1 does not rotate in HF, against the policy 'all'"},
        spec="granite_swa",
        change={"attention.rope.layers": "all"},
        layer=1,
    ),
    Case(
        "RoPE wherever HF hands something",
        {"claims.rope.layers": "layer 3 does not rotate in HF, against the policy 'handed'"},
        change={"attention.rope.layers": "handed"},
        layer=3,
    ),
    Case(
        "RoPE on sliding layers where none slide",
        {"claims.rope.layers": "the tiny model has no layers of both kinds, rotating and NoPE"},
        spec="llama",
        change={"attention.rope.layers": "hybrid_sliding"},
    ),
    Case(
        "no window, where layers slide",
        {"claims.window": "layer 0 sees 8 of 24 tokens in HF"},
        spec="exaone4",
        change={"attention.window": "none"},
        layer=0,
    ),
    Case(
        "a window wherever attention has its size",
        {"claims.window": "layer 3 sees 24 of 24 tokens in HF, not 8"},
        spec="exaone4",
        change={"attention.window": {"flag": "sliding_window"}},
        layer=3,
    ),
    Case(
        "a window on layers that do not say whether they slide",
        {"claims.window": "HF's attention has no attribute 'is_sliding' in any layer"},
        change={"attention.window": "sliding_layers"},
    ),
    Case(
        "a rotary module that is none",
        {"claims.paths": "model.norm does not return cosines and sines; contradicts paths.rotary"},
        spec="llama",
        change={"paths.rotary": "model.norm"},
    ),
    Case(
        "no rotary module where there is one",
        {"claims.paths": "HF's model.rotary_emb computes the positions; contradicts paths.rotary"},
        spec="olmo3",
        change={"paths.rotary": None},
        only=True,
    ),
]

HEADS = [*ATTENTION, *POSITIONS]
