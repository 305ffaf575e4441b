"""What only the inside of a process can tell: verification when warm, and forward passes.

Prints JSON. Needs torch, so it runs in a process of its own.
"""

import contextlib
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.verify import verify

ARCHITECTURE = "SmolLM3ForCausalLM"
ROUNDS = 60


def warm_verification() -> float:
    """Seconds of a second verification in one process."""
    spec = Loader([bundled("specs")]).load(str(Path(bundled("specs"), "smollm3.yaml")))
    module = str(Path(bundled("generated"), "smollm3.py"))
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        record = verify(spec, module)
        seconds = time.perf_counter() - start
        assert record.passed, record
    return seconds


def bridge() -> TransformerBridge:
    """A small model behind the adapter that TL has registered at the moment."""
    config = transformers.SmolLM3Config(
        vocab_size=1000, hidden_size=256, intermediate_size=640, num_hidden_layers=8,
        num_attention_heads=8, num_key_value_heads=2, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.SmolLM3ForCausalLM(config)
    model.train(False)
    with contextlib.redirect_stdout(io.StringIO()):
        return build_bridge_from_module(model, ARCHITECTURE, hf_config=config, model_name="bench")


def forward_ratio(ours: TransformerBridge, theirs: TransformerBridge, run: str) -> float:
    """Time of our adapter over time of TL's, in the median of paired passes."""
    tokens = torch.arange(64)[None]
    call: Callable[[TransformerBridge], object] = {
        "forward": lambda bridge: bridge(tokens),
        "run_with_cache": lambda bridge: bridge.run_with_cache(tokens),
    }[run]

    def seconds(bridge: TransformerBridge) -> float:
        start = time.perf_counter()
        call(bridge)
        return time.perf_counter() - start

    ratios = []
    with torch.no_grad():
        for number in range(-5, ROUNDS):
            # Who goes first alternates: the second finds warmer caches.
            if number % 2:
                ours_took, theirs_took = seconds(ours), seconds(theirs)
            else:
                theirs_took, ours_took = seconds(theirs), seconds(ours)
            if number >= 0:
                ratios.append(ours_took / theirs_took)
    return statistics.median(ratios)


def main() -> None:
    torch.set_num_threads(1)
    warm = warm_verification()
    native = SUPPORTED_ARCHITECTURES[ARCHITECTURE]
    theirs = bridge()
    adaptergen.register()
    assert SUPPORTED_ARCHITECTURES[ARCHITECTURE] is not native
    ours = bridge()
    assert type(ours.adapter) is not type(theirs.adapter)
    ratios = {run: forward_ratio(ours, theirs, run) for run in ("forward", "run_with_cache")}
    print(json.dumps({"warm": warm, **ratios}))


if __name__ == "__main__":
    main()
