"""One random model four ways: HF with either attention, TL's adapter, and the generated one."""

import contextlib
import copy
import io
from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch import Tensor
from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen

ARCHITECTURE = "SmolLM3ForCausalLM"
NEW_TOKENS = 256
# HF's config keys. `3b` is HuggingFaceTB/SmolLM3-3B; `small` has as many heads, for one CPU thread.
SIZES: Mapping[str, Mapping[str, int]] = {
    "tiny": {
        "vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    "smaller": {
        "vocab_size": 1000, "hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 8,
        "num_attention_heads": 8, "num_key_value_heads": 2,
    },
    "small": {
        "vocab_size": 1000, "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 8,
        "num_attention_heads": 16, "num_key_value_heads": 4,
    },
    "3b": {
        "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008,
        "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 4,
    },
}  # fmt: skip

Logits = Callable[[Tensor], Tensor]
# Takes tokens [batch, pos]; the result keeps alive what the work is done for.
Work = Callable[[Tensor], Any]
Contestant = Mapping[str, Work]


def contestants(size: str, device: str, dtype: torch.dtype) -> dict[str, Contestant]:
    """What each can do, by name; the weights are the same."""
    # Without an end of sequence, everybody generates as many tokens as asked for.
    config = transformers.SmolLM3Config(
        **SIZES[size], max_position_embeddings=65536, pad_token_id=0, bos_token_id=None,
        eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.SmolLM3ForCausalLM(config).to(device, dtype).eval()
    found = {f"HF {kind}": _huggingface(model, kind) for kind in ("eager", "sdpa")}
    native = SUPPORTED_ARCHITECTURES[ARCHITECTURE]
    found["TransformerLens"] = _bridge(model)
    adaptergen.register()
    assert SUPPORTED_ARCHITECTURES[ARCHITECTURE] is not native
    found["generated"] = _bridge(model)
    return found


def _huggingface(original: Any, attention: str) -> Contestant:
    model = copy.deepcopy(original)
    model.set_attn_implementation(attention)

    def logits(ids: Tensor) -> Tensor:
        found: Tensor = model(ids).logits
        return found

    def decoding(ids: Tensor) -> Tensor:
        mask = torch.ones_like(ids)
        found: Tensor = model.generate(
            ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False
        )
        return found

    return {"forward": logits, "training": _training(model, logits), "decoding": decoding}


def _bridge(original: Any) -> Contestant:
    bridge = _wrapped(copy.deepcopy(original))
    pattern = f"blocks.{bridge.cfg.n_layers // 2}.attn.hook_pattern"

    def decoding(ids: Tensor) -> Any:
        return bridge.generate(
            ids, max_new_tokens=NEW_TOKENS, do_sample=False, stop_at_eos=False, verbose=False,
            return_type="tokens",
        )  # fmt: skip

    return {
        "forward": bridge,
        "residual": lambda ids: bridge.run_with_cache(
            ids, names_filter=lambda name: name.endswith("hook_resid_post")
        )[1],
        "full": lambda ids: bridge.run_with_cache(ids)[1],
        "pattern": lambda ids: bridge.run_with_hooks(
            ids, fwd_hooks=[(pattern, lambda value, hook: value)]
        ),
        "training": _training(bridge, bridge),
        "decoding": decoding,
    }


def _wrapped(model: Any) -> TransformerBridge:
    # TL reports what it does on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        bridge = build_bridge_from_module(
            model, ARCHITECTURE, hf_config=model.config, model_name="bench"
        )
    bridge.eval()
    return bridge


def _training(module: torch.nn.Module, logits: Logits) -> Work:
    def train(ids: Tensor) -> None:
        with torch.enable_grad():
            predicted = logits(ids)[:, :-1].flatten(0, 1)
            torch.nn.functional.cross_entropy(predicted, ids[:, 1:].flatten()).backward()
        module.zero_grad(set_to_none=True)

    return train
