"""Broken modules that are wrong only around unusual layers, models and state dicts."""

from tests.verify.broken_fused import bridge
from tests.verify.case import PREPARING, Case, appended, part

LAYERS = [
    Case(
        "attention that takes weights away from where they are loaded",
        {"use.offloaded": "the output of an offloaded model differs from HF"},
        spec="llama",
        replace=bridge(
            "def set_original_component(self, original_component):\n"
            "    if original_component.k_proj.weight.is_meta:\n"
            "        original_component.v_proj = original_component.k_proj\n"
            "    super().set_original_component(original_component)"
        ),
        only=True,
        fused=True,
    ),
    Case(
        "weights processed whatever layers compute",
        {"use.quantised": "weights of a model with layers of LoRA are processed"},
        spec="llama",
        replace=appended(
            "\n    def preprocess_weights(self, state: Any) -> Any:\n        return state\n"
        ),
        only=True,
    ),
    Case(
        "attention that takes a weight apart whatever its type is",
        {"use.quantised": "raised NotImplementedError: view of a weight of this type"},
        spec="llama",
        replace=bridge(
            "def set_original_component(self, original_component):\n"
            "    original_component.q_proj.weight.view(-1)\n"
            "    super().set_original_component(original_component)"
        ),
        only=True,
        fused=True,
    ),
    Case(
        "attention that is wrapped once only",
        {"use.wrapped_twice": "raised TypeError: wrapped already"},
        spec="llama",
        replace=bridge(
            "def set_original_component(self, original_component):\n"
            "    if hasattr(original_component, 'original_component'):\n"
            "        raise TypeError('wrapped already')\n"
            "    super().set_original_component(original_component)"
        ),
        only=True,
        fused=True,
    ),
    Case(
        "an unembedding whose bias is folded into the bridge that a model had before",
        {"use.wrapped_twice": "the log-probability of a model that is wrapped twice, in compat"},
        spec="starcoder2",
        replace=part(
            "UnembeddingBridge(name=",
            "def set_processed_weights(self, weights, verbose=False):\n"
            "    tl.UnembeddingBridge.set_processed_weights(self, weights, verbose=verbose)\n",
        ),
        only=True,
        fused=True,
    ),
    Case(
        "a state dict without the weights of queries under HF's names",
        {"use.state_dict": "self_attn.q_proj.weight has no place in the wrapped model"},
        spec="llama",
        replace=appended(
            f"{PREPARING}"
            "def forget(module: Any, state: Any, *_: Any) -> None:\n"
            "            for name in [name for name in state if '.q_proj.' in name]:\n"
            "                del state[name]\n\n"
            "        hf_model.register_state_dict_post_hook(forget)\n"
        ),
        only=True,
    ),
]
