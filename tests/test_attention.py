"""Attention that TransformerLens computes in place of HF's: masks and caches are as HF has them."""

import copy
from typing import Any

import pytest
import torch
import transformers
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from tests.registration import restored_factory

SIZES: dict[str, Any] = {
    "vocab_size": 53, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0,
}  # fmt: skip
LATENT: dict[str, Any] = {
    "num_key_value_heads": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
    "topk_group": 1, "moe_intermediate_size": 24, "kv_lora_rank": 16, "q_lora_rank": None,
    "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12, "first_k_dense_replace": 1,
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "phi3": ("Phi3", {}),
    "gemma2": ("Gemma2", {"sliding_window": 5, "head_dim": 12}),
    "gpt_oss": ("GptOss", {"sliding_window": 5, "head_dim": 12, "num_local_experts": 4}),
    "cohere2": (
        "Cohere2",
        {
            "sliding_window": 5,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "deepseek_v3": ("DeepseekV3", LATENT),
    "bitnet": ("BitNet", {}),
    "gptj": ("GPTJ", {"n_embd": 48, "n_layer": 3, "n_head": 4, "rotary_dim": 8}),
}
IDS = torch.arange(2, 20).view(2, 9)
# A hook there has attention computed step by step.
HOOKED = ["blocks.1.attn.hook_attn_scores", "blocks.2.attn.hook_pattern"]


def both(name: str) -> tuple[Any, TransformerBridge]:
    """HF's model and the bridge of a copy."""
    prefix, changes = MODELS[name]
    config = getattr(transformers, f"{prefix}Config")(**{**SIZES, **changes})
    torch.manual_seed(0)
    model = getattr(transformers, f"{prefix}ForCausalLM")(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model, wrapped(copy.deepcopy(model))


def wrapped(model: Any) -> TransformerBridge:
    with restored_factory():
        adaptergen.register()
        return build_bridge_from_module(model, type(model).__name__, hf_config=model.config)


def hooked(bridge: TransformerBridge, run: Any) -> Any:
    """What a run returns while hooks look on, each of which is called."""
    seen: set[str] = set()
    look = [(name, lambda value, hook: seen.add(hook.name)) for name in HOOKED]
    with bridge.hooks(look), torch.no_grad():
        result = run(bridge.original_model)
    assert seen == set(HOOKED)
    return result


def chunks(cache: Any, mask: torch.Tensor | None = None) -> Any:
    """The logits of a model that is handed tokens in three chunks, the last of one."""

    def run(model: Any) -> torch.Tensor:
        kept, found = cache(model), []
        for start, end in ((0, 3), (3, 8), (8, 9)):
            handed = {"attention_mask": mask[:, :end]} if mask is not None else {}
            call = model(
                input_ids=IDS[:, start:end], past_key_values=kept, use_cache=True, **handed
            )
            found.append(call.logits)
        return torch.cat(found, dim=1)

    return run


CACHES = {
    "grows": lambda model: transformers.DynamicCache(config=model.config),
    "of fixed size": lambda model: transformers.StaticCache(config=model.config, max_cache_len=20),
}


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:.*past_key_values")
def test_a_cache_may_be_filled_in_chunks_with_hooks(name: str, cache: str, padded: bool) -> None:
    model, bridge = both(name)
    mask = torch.ones_like(IDS)
    mask[1, :2] = 0
    run = chunks(CACHES[cache], mask if padded else None)
    with torch.no_grad():
        wanted = run(model)
    found, real = hooked(bridge, run), mask.bool() if padded else torch.ones_like(IDS).bool()
    torch.testing.assert_close(found[real], wanted[real], rtol=0, atol=1e-4)
