"""Broken specs: MLPs that HF has otherwise, and parts that are no one piece."""

from typing import Any

from tests.verify.case import Case

EXPERT = {"gate": "gate_proj", "in": "up_proj", "out": "down_proj"}
WHOLE = {"kind": "opaque", "reason": "None.", "window": "none", "rotary": True}


def mlp(kind: str, bias: bool | str = False, **names: Any) -> dict[str, Any]:
    """A change to an MLP of another kind."""
    return {"mlp": {"kind": kind, "path": "mlp", "bias": bias, "act": "hidden_act", **names}}


MLPS = [
    Case(
        "an MLP without the gate that it has",
        {"claims.parameters": "mlp.gate_proj.weight is reached by no path"},
        spec="llama",
        change=mlp("plain", "mlp_bias", **{"in": "up_proj", "out": "down_proj"}),
    ),
    Case(
        "an MLP with a gate that it lacks",
        {"claims.mlp": "layer 0 HF's MLP is not act(c_fc(x)) * c_fc(x); contradicts mlp.kind"},
        spec="starcoder2",
        change=mlp("gated", "use_bias", **{"gate": "c_fc", "in": "c_fc", "out": "c_proj"}),
        layer=0,
    ),
    Case(
        "an MLP without a gate whose gate is fused",
        {"claims.mlp": "HF's down_proj does not read an activation of gate_up_proj, each by"},
        spec="phi3",
        change=mlp("plain", **{"in": "gate_up_proj", "out": "down_proj"}),
        layer=0,
    ),
    Case(
        "a gate in the second half that is in the first",
        {"claims.mlp": "the second half of HF's gate_up_proj is not the gate of the other"},
        spec="phi3",
        change={"mlp.first": "in"},
        layer=0,
    ),
    Case(
        "an MLP with a fused gate that it lacks",
        {"claims.mlp": "the first half of HF's c_fc is not the gate of the other"},
        spec="starcoder2",
        change=mlp("fused_gated", "use_bias", gate_in="c_fc", out="c_proj"),
        layer=0,
    ),
    Case(
        "experts where there is a gated MLP",
        {"claims.mlp": "HF's gate_proj does not return logits, weights and numbers of experts"},
        spec="llama",
        change={
            "mlp": {
                "kind": "moe", "path": "mlp", "router": "gate_proj", "experts": "up_proj",
                "count": "num_experts", "act": "hidden_act",
            }
        },
        layer=0,
    ),
    Case(
        "a gated MLP where there are experts",
        {"claims.paths": "has no 'gate_proj', only: gate, experts; contradicts mlp.gate"},
        spec="mixtral",
        change=mlp("gated", **EXPERT),
    ),
    Case(
        "router and experts swapped",
        {"claims.mlp": "HF's experts does not return logits, weights and numbers of experts"},
        spec="mixtral",
        change={"mlp.router": "experts", "mlp.experts": "gate"},
        layer=0,
    ),
    Case(
        "experts that are one module, as if there were none",
        {
            "claims.mlp": "HF's experts holds all experts; contradicts mlp.experts",
            "claims.parameters": "mlp.experts.down_proj is reached by no path",
        },
        spec="mixtral",
        change={"mlp.experts": None},
        layer=0,
    ),
    Case(
        "experts beside a shared one, as if there were none",
        {"claims.mlp": "HF's experts holds all experts; contradicts mlp.experts"},
        spec="ernie4_5_moe",
        change={"mlp.experts": None, "mlp.opaque": ["experts"]},
        layer=1,
    ),
    Case(
        "a shared expert left out",
        {
            "claims.mlp": "HF's MLP returns other than experts; contradicts mlp.experts",
            "claims.parameters": "mlp.shared_expert.gate_proj.weight is reached by no path",
        },
        spec="qwen2_moe",
        change={"mlp.shared": None},
        layer=0,
    ),
    Case(
        "a shared expert that HF lacks",
        {"claims.parameters": "HF has no parameter model.layers.{i}.mlp.experts.gate_proj.weight"},
        spec="mixtral",
        change={"mlp.shared": {"path": "experts", **EXPERT}},
    ),
    Case(
        "a shared expert without biases, which a key decides",
        {"claims.parameters": "mlp.shared_experts.gate_proj.bias with use_bias=True is reached by"},
        spec="ernie4_5_moe",
        change={"mlp.shared.bias": False},
    ),
    Case(
        "layers without experts left out",
        {
            "claims.mlp": "HF's model.layers.1.mlp has no experts, and the spec knows no dense",
            "claims.parameters": "mlp.gate_proj.weight is reached by no path",
        },
        spec="qwen2_moe",
        change={"mlp.dense": None},
        layer=1,
    ),
    Case(
        "gate and input swapped on layers without experts",
        {"claims.mlp": "in HF gate_proj is the gate, and up_proj the input; contradicts mlp.dense"},
        spec="qwen2_moe",
        change={"mlp.dense.gate": "up_proj", "mlp.dense.in": "gate_proj"},
        layer=1,
    ),
    Case(
        "gate and input of a shared expert swapped",
        {"claims.mlp": "in HF gate_proj is the gate, and up_proj the input; contradicts mlp.sha"},
        spec="aria_text",
        change={"mlp.shared.gate": "up_proj", "mlp.shared.in": "gate_proj"},
        layer=0,
    ),
    Case(
        "input and output of a shared expert swapped",
        {"claims.mlp": "HF's MLP is not act(gate_proj(x)) * down_proj(x); contradicts mlp.shared"},
        spec="aria_text",
        change={"mlp.shared.in": "down_proj", "mlp.shared.out": "up_proj"},
        layer=0,
    ),
    Case(
        "a gate of a shared expert that is its router",
        {
            "claims.mlp": "the sigmoid of HF's gate does not multiply shared_expert; contradicts"
            " mlp.shared.mix"
        },
        spec="qwen2_moe",
        change={"mlp.shared.mix": "gate", "mlp.opaque": ["shared_expert_gate"]},
        layer=0,
    ),
    Case(
        "input and output of an MLP beside the experts swapped",
        {"claims.mlp": "the first half of HF's output_linear is not the gate of the other"},
        spec="granitemoeshared",
        change={"side_mlp.gate_in": "output_linear", "side_mlp.out": "input_linear"},
        layer=0,
    ),
    Case(
        "an activation with parameters that nobody mentions",
        {"claims.parameters": "mlp.act_fn.alpha_p is reached by no path"},
        spec="apertus",
        change={"mlp.opaque": []},
    ),
    Case(
        "a gate of a shared expert that nobody mentions",
        {"claims.parameters": "mlp.shared_expert_gate.weight is reached by no path"},
        spec="qwen2_moe",
        change={"mlp.shared.mix": None},
    ),
    Case(
        "an MLP as one piece that is attention",
        {"claims.paths": "HF's self_attn sees 24 tokens, an MLP sees one; contradicts mlp.path"},
        spec="llama",
        change={"mlp": {"kind": "opaque", "reason": "None.", "path": "self_attn"}},
        layer=0,
    ),
    Case(
        "an MLP as one piece that is not the whole MLP",
        {"claims.parameters": "mlp.gate_proj.weight is reached by no path"},
        spec="llama",
        change={"mlp": {"kind": "opaque", "reason": "None.", "path": "mlp.down_proj"}},
    ),
    Case(
        "attention as one piece that is the MLP",
        {
            "claims.paths": "HF's mlp sees 1 of the 24 tokens that its layer sees; contradicts"
            " attention.path",
            "claims.parameters": "self_attn.q_proj.weight is reached by no path",
        },
        spec="llama",
        change={"attention": {**WHOLE, "path": "mlp"}},
        layer=0,
    ),
    Case(
        "attention as one piece that sees less than it says",
        {"claims.window": "sees 8 of 24 tokens in HF, not 24"},
        change={"attention": {**WHOLE, "path": "self_attn"}},
        layer=3,
    ),
    Case(
        "attention as one piece that turns, and should not",
        {"claims.rope.layers": "HF's attention turns with positions; contradicts attention.rotary"},
        spec="llama",
        change={"attention": {**WHOLE, "path": "self_attn", "rotary": False}},
    ),
    Case(
        "a key that has nothing to do with the activation",
        {"claims.config": "'initializer_range' changes nothing in HF's mlp; contradicts mlp.act"},
        spec="llama",
        change={"mlp.act": "initializer_range"},
    ),
]  # fmt: skip
