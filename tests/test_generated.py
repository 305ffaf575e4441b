"""What the generated SmolLM3 adapter does beyond agreeing with HF, and that all of it is tested."""

import copy
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from coverage import Coverage
from transformer_lens.benchmarks.component_benchmark import benchmark_all_components
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.verify import verify
from adaptergen.verify.select import Selection
from generated.base_adapter import BaseAdapter
from tests.registration import restored_factory

MODULE = Path(bundled("generated")) / "smollm3.py"
ROPE_LAYER, NOPE_LAYER = 0, 3


@pytest.fixture(scope="module")
def reference() -> transformers.PreTrainedModel:
    config = transformers.SmolLM3Config(
        vocab_size=113, hidden_size=48, intermediate_size=80, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=160,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.SmolLM3ForCausalLM(config).eval()


@pytest.fixture(scope="module")
def bridge(reference: transformers.PreTrainedModel) -> TransformerBridge:
    model = copy.deepcopy(reference)
    with restored_factory():
        adaptergen.register()
        return build_bridge_from_module(model, "SmolLM3ForCausalLM", hf_config=model.config)


@pytest.mark.parametrize("key", ["multi_query", "parallel_attn"])
def test_a_switch_that_is_neither_on_nor_off_is_asked_for(key: str) -> None:
    """TL does not hand on what is null in a config; HF takes it for no, though yes is usual."""
    sizes = {"vocab_size": 113, "hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    model = transformers.FalconForCausalLM(transformers.FalconConfig(**sizes, **{key: None}))
    with restored_factory():
        adaptergen.register()
        with pytest.raises(NotImplementedError, match=f"config.{key} is null; say whether"):
            build_bridge_from_module(model, "FalconForCausalLM", hf_config=model.config)


def test_weights_are_mapped_by_what_tls_config_learns_of_hfs(bridge: TransformerBridge) -> None:
    """TL takes over the keys that it knows; a model's code may have any name for its heads."""
    adapter = type(bridge.adapter)(copy.deepcopy(bridge.cfg))
    adapter.learn({"n_key_value_heads": 1})
    conversion: Any = adapter.weight_processing_conversions["blocks.{i}.attn.k.weight"]
    assert conversion.tensor_conversion.axes_lengths == {"n": 1}
    made = adapter.component_mapping
    adapter.learn({"n_key_value_heads": 1})
    assert adapter.component_mapping is made


@pytest.mark.parametrize(
    "register",
    ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"],
)
@pytest.mark.parametrize("path", ["attn.q", "mlp.out", "ln1"])
def test_hooks_of_pytorch_on_a_bridge_are_called(
    bridge: TransformerBridge, path: str, register: str
) -> None:
    called = []
    component = bridge.blocks[0].get_submodule(path)
    handle = getattr(component, f"register_{register}")(lambda *_: called.append(path))
    try:
        bridge(torch.tensor([[3, 4, 5]])).sum().backward()
    finally:
        handle.remove()
        bridge.zero_grad()
    assert called == [path]


@pytest.mark.parametrize("projection", ["q", "k", "v"])
def test_hooks_of_pytorch_allow_hf_to_clamp_in_place(projection: str) -> None:
    config = transformers.OlmoConfig(
        vocab_size=53, hidden_size=48, intermediate_size=80, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, clip_qkv=0.05,
    )  # fmt: skip
    model, ids = transformers.OlmoForCausalLM(config).eval(), torch.tensor([[3, 4, 5]])
    wanted = model(ids).logits
    with restored_factory():
        adaptergen.register()
        bridge = build_bridge_from_module(model, "OlmoForCausalLM", hf_config=config)
    returned = []
    module = bridge.blocks[0].attn.get_submodule(projection)
    module.register_forward_hook(lambda _, args, output: returned.append((output, output.clone())))
    module.register_full_backward_hook(lambda *_: None)
    found = bridge(ids)
    found.sum().backward()
    ((output, before),) = returned
    torch.testing.assert_close(output, before, rtol=0, atol=0)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("path", ["attn.hook_pattern", "attn.q.hook_out", "ln1.hook_scale"])
def test_hooks_of_pytorch_on_a_hook_are_called(bridge: TransformerBridge, path: str) -> None:
    called = []
    point = bridge.blocks[0].get_submodule(path)
    handle = point.register_forward_hook(lambda *_: called.append(path))
    try:
        bridge(torch.tensor([[3, 4, 5]]))
    finally:
        handle.remove()
    assert called == [path]


def test_a_cache_of_fixed_size_may_be_hooked(
    reference: transformers.PreTrainedModel, bridge: TransformerBridge
) -> None:
    ids = torch.arange(3, 15)[None]

    def logits(model: Any) -> torch.Tensor:
        cache = transformers.StaticCache(reference.config, max_cache_len=20)
        with torch.no_grad():
            return model(input_ids=ids, past_key_values=cache, use_cache=True).logits

    patterns = []
    with bridge.hooks([("blocks.0.attn.hook_pattern", lambda x, hook: patterns.append(x.shape))]):
        found = logits(bridge.original_model)
    assert patterns
    torch.testing.assert_close(found, logits(reference))


def test_attention_without_masks_to_add_cannot_be_hooked(bridge: TransformerBridge) -> None:
    model = bridge.original_model
    before = model.config._attn_implementation
    model.config._attn_implementation = "flash_attention_2"
    try:
        with pytest.raises(RuntimeError, match="sdpa or eager, not flash_attention_2"):
            bridge.blocks[0].attn.reconstructed(hidden_states=torch.randn(1, 3, 48))
    finally:
        model.config._attn_implementation = before


def test_projections_without_a_module_that_computes_are_enough_for_tl(
    reference: transformers.PreTrainedModel, bridge: TransformerBridge
) -> None:
    attention = copy.deepcopy(bridge.blocks[NOPE_LAYER].attn)
    holder = torch.nn.Module()
    holder.__dict__.update(attention.original_component.__dict__)
    attention.set_original_component(holder)
    hidden = torch.randn(1, 5, 48)
    positions = reference.model.rotary_emb(hidden, torch.arange(5)[None])
    mask = torch.full((5, 5), -torch.inf).triu(1)[None, None]
    with torch.no_grad():
        wanted, _ = reference.model.layers[NOPE_LAYER].self_attn(hidden, positions, mask)
        found, _ = attention(
            hidden_states=hidden, position_embeddings=positions, attention_mask=mask
        )
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("layer", [ROPE_LAYER, NOPE_LAYER])
@pytest.mark.parametrize("by_keyword", [True, False], ids=["keyword", "position"])
def test_attention_takes_position_embeddings_as_hf_does(
    reference: transformers.PreTrainedModel, bridge: TransformerBridge, layer: int, by_keyword: bool
) -> None:
    hidden = torch.randn(2, 7, 48)
    positions = reference.model.rotary_emb(hidden, torch.arange(7)[None])
    mask = torch.full((7, 7), -torch.inf).triu(1)[None, None]
    with torch.no_grad():
        expected, _ = reference.model.layers[layer].self_attn(hidden, positions, mask)
        if by_keyword:
            got = bridge.blocks[layer].attn(
                hidden_states=hidden, position_embeddings=positions, attention_mask=mask
            )
        else:
            got = bridge.blocks[layer].attn(hidden, positions, mask)
    torch.testing.assert_close(got[0], expected)


def test_nope_layers_are_the_ones_that_hf_does_not_rotate(bridge: TransformerBridge) -> None:
    assert [block.attn._is_nope_layer() for block in bridge.blocks] == [False, False, False, True]


def test_no_warning_on_nope_layers(bridge: TransformerBridge, recwarn) -> None:
    with torch.no_grad():
        bridge(torch.arange(9)[None])
    assert [w for w in recwarn if "position_embeddings" in str(w.message)] == []


def test_component_testing_is_set_up_as_tl_expects(
    reference: transformers.PreTrainedModel, bridge: TransformerBridge
) -> None:
    hf = copy.deepcopy(reference)
    bridge.adapter.setup_component_testing(hf, bridge_model=bridge)
    assert hf.config._attn_implementation == "eager"
    rotary = hf.model.rotary_emb
    template = bridge.adapter.get_generalized_component("blocks.0.attn")
    for attention in [template, *(block.attn for block in bridge.blocks)]:
        assert attention._rotary_emb is rotary
    result = benchmark_all_components(bridge, hf)
    assert result.passed, result.message


def test_every_line_and_branch_is_run_by_verification() -> None:
    # In memory only, and of this module only.
    coverage = Coverage(data_file=None, config_file=False, branch=True, include=[str(MODULE)])
    spec = Loader([]).load(str(Path(bundled("specs")) / "smollm3.yaml"))
    # The others look at HF, or repeat these in more ways; these run every line by themselves.
    select = Selection(only=("boot", "forward", "hooks"))
    with coverage.collect():
        assert verify(spec, str(MODULE), select=select).passed
    report = io.StringIO()
    assert coverage.report(show_missing=True, file=report) == 100, report.getvalue()


def test_a_flag_that_the_installed_transformer_lens_does_not_know_is_refused() -> None:
    adapter = BaseAdapter.__new__(BaseAdapter)
    adapter.cfg = SimpleNamespace(known=False)
    adapter.require("known")
    with pytest.raises(NotImplementedError, match="does not know another"):
        adapter.require("another")
