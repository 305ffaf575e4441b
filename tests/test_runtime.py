"""Generated adapters in TL: registered under known and new names, found by both ways of booting."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.factories import architecture_adapter_factory as factory
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from adaptergen.errors import Failure
from adaptergen.project import bundled
from adaptergen.runtime import load_adapters
from adaptergen.verify import checkpoint
from tests.registration import restored_factory

CWM = """\
architecture: CwmForCausalLM
extends: llama
summary: Llama with a sliding window on most layers.
attention:
  bias: false
  window: {flag: sliding_window}
mlp: {bias: false}
"""


@pytest.fixture(autouse=True)
def _restored_factory() -> Iterator[None]:
    with restored_factory():
        yield


@pytest.fixture
def cwm_adapters(tmp_path: Path) -> str:
    """A folder with an adapter for a class that TL does not know, built by the command line."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "cwm.yaml").write_text(CWM)
    subprocess.run([sys.executable, "-m", "adaptergen", "build"], cwd=tmp_path, check=True)
    return str(tmp_path / "generated")


def tiny(architecture: str, **kwargs: object) -> transformers.PreTrainedModel:
    """A random model whose vocabulary fits the byte tokenizer."""
    cls = getattr(transformers, architecture)
    config = cls.config_class(
        hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=160,
        **checkpoint.settings(), **kwargs,
    )  # fmt: skip
    torch.manual_seed(0)
    return cls(config).eval()


def test_register_without_folders_registers_every_bundled_adapter() -> None:
    names = adaptergen.register()
    assert set(names) >= {"LlamaForCausalLM", "SmolLM3ForCausalLM"}
    for name in names:
        adapter = factory.ArchitectureAdapterFactory._adapters[name]
        assert adapter.__module__.startswith("adaptergen.generated.")
        assert factory.SUPPORTED_ARCHITECTURES[name] is adapter


def test_bridge_around_a_module_uses_the_registered_adapter() -> None:
    adaptergen.register()
    model = tiny("SmolLM3ForCausalLM")
    bridge = build_bridge_from_module(model, "SmolLM3ForCausalLM", hf_config=model.config)
    assert type(bridge.adapter).__module__ == "adaptergen.generated.smollm3"


def test_boot_transformers_uses_the_registered_adapter_for_a_saved_checkpoint(
    tmp_path: Path,
) -> None:
    adaptergen.register()
    model = tiny("SmolLM3ForCausalLM")
    checkpoint.save(model, str(tmp_path))
    bridge = TransformerBridge.boot_transformers(str(tmp_path), device="cpu")
    assert type(bridge.adapter).__module__ == "adaptergen.generated.smollm3"
    tokens = bridge.to_tokens("hello", prepend_bos=False)
    with torch.no_grad():
        torch.testing.assert_close(bridge("hello", prepend_bos=False), model(tokens).logits)


def test_boot_transformers_takes_an_architecture_that_tl_lacks(
    cwm_adapters: str, tmp_path: Path
) -> None:
    # Not even an installed package may offer one.
    factory.ArchitectureAdapterFactory.discover_entry_points()
    for known in (factory.ArchitectureAdapterFactory._adapters, factory.SUPPORTED_ARCHITECTURES):
        known.pop("CwmForCausalLM", None)
    model = tiny("CwmForCausalLM", sliding_window=4)
    folder = str(tmp_path / "checkpoint")
    checkpoint.save(model, folder)
    with pytest.raises(ValueError, match="Could not determine supported architecture"):
        TransformerBridge.boot_transformers(folder, device="cpu")
    assert adaptergen.register(cwm_adapters) == ["CwmForCausalLM"]
    bridge = TransformerBridge.boot_transformers(folder, device="cpu")
    tokens = torch.arange(12)[None]
    with torch.no_grad():
        torch.testing.assert_close(bridge(tokens), model(tokens).logits)


def test_two_folders_with_the_same_names_stay_apart(cwm_adapters: str) -> None:
    other = load_adapters(cwm_adapters)
    bundled_ones = load_adapters(bundled("generated"))
    assert set(other) == {"CwmForCausalLM"}
    assert set(bundled_ones) > set(other)
    assert bundled_ones["CwmForCausalLM"] is not other["CwmForCausalLM"]
    assert load_adapters(bundled("generated")) is bundled_ones
    assert load_adapters(cwm_adapters)["CwmForCausalLM"] is other["CwmForCausalLM"]


def test_folder_without_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no registry of generated adapters here"):
        adaptergen.register(str(tmp_path))


def test_adapters_module_offers_the_bundled_classes_by_name() -> None:
    from adaptergen import adapters

    assert (
        adapters.LlamaArchitectureAdapter is load_adapters(bundled("generated"))["LlamaForCausalLM"]
    )
    with pytest.raises(AttributeError, match="no bundled adapter is called 'Nothing'"):
        adapters.Nothing  # noqa: B018


def test_broken_registry_leaves_no_half_imported_package(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("raise RuntimeError('broken')\n")
    before = set(sys.modules)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            load_adapters(str(tmp_path))
    assert set(sys.modules) == before


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("alibi", [True, False])
def test_what_an_adapter_refuses_is_left_to_the_one_before(alibi: bool, times: int) -> None:
    config = transformers.FalconConfig(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=4, vocab_size=97, alibi=alibi
    )
    torch.manual_seed(0)
    model, ids = transformers.FalconForCausalLM(config).eval(), torch.arange(3, 15)[None]

    def bridged() -> TransformerBridge:
        return build_bridge_from_module(
            copy.deepcopy(model), "FalconForCausalLM", hf_config=copy.deepcopy(config)
        ).eval()

    before = bridged()
    for _ in range(times):
        adaptergen.register()
    after = bridged()
    with torch.no_grad():
        torch.testing.assert_close(after(ids), before(ids))
        torch.testing.assert_close(copy.deepcopy(after)(ids), before(ids))
    own = load_adapters(bundled("generated"))["FalconForCausalLM"]
    assert isinstance(after.adapter, own) != alibi
    assert (type(after.adapter) is type(before.adapter)) == alibi


@pytest.mark.parametrize("times", [1, 2])
def test_what_other_adapters_are_made_of_is_left_to_the_one_before(times: int) -> None:
    """TransformerLens makes adapters for Qwen3's hybrids of that for Qwen3, with an option."""
    before = factory.SUPPORTED_ARCHITECTURES["Qwen3ForCausalLM"]
    for _ in range(times):
        adaptergen.register()
    adapter: Any = factory.SUPPORTED_ARCHITECTURES["Qwen3ForCausalLM"]
    own = load_adapters(bundled("generated"))["Qwen3ForCausalLM"]

    def config() -> TransformerBridgeConfig:
        return TransformerBridgeConfig(
            d_model=8, d_head=4, n_heads=2, n_layers=1, n_ctx=16, d_vocab=32, d_mlp=16
        )

    assert isinstance(adapter(config()), own)
    assert type(adapter(config(), hybrid=True)) is before


def tables() -> list[dict[str, Any]]:
    return [
        dict(factory.ArchitectureAdapterFactory._adapters),
        dict(factory.SUPPORTED_ARCHITECTURES),
    ]


@pytest.mark.parametrize("only", [["LlamaForCausalLM", "CwmForCausalLM"], "LlamaForCausalLM"])
def test_only_the_classes_that_are_named_are_registered(only: Any) -> None:
    factory.ArchitectureAdapterFactory.discover_entry_points()
    before = tables()
    names = adaptergen.register(only=only)
    assert set(names) == ({only} if isinstance(only, str) else set(only))
    for old, new in zip(before, tables(), strict=True):
        assert {name for name in new if new[name] is not old.get(name)} == set(names)


def test_class_without_an_adapter_is_refused_and_nothing_registered() -> None:
    factory.ArchitectureAdapterFactory.discover_entry_points()
    before = tables()
    with pytest.raises(Failure, match=r"LamaForCausalLM: .* \(did you mean 'LlamaForCausalLM'\?\)"):
        adaptergen.register(only=["SmolLM3ForCausalLM", "LamaForCausalLM"])
    assert tables() == before


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_what_is_registered_for_a_while_is_undone(ends: str) -> None:
    factory.ArchitectureAdapterFactory.discover_entry_points()
    factory.SUPPORTED_ARCHITECTURES.pop("CwmForCausalLM", None)
    before = tables()
    model = tiny("SmolLM3ForCausalLM")

    def module() -> str:
        bridge = build_bridge_from_module(
            copy.deepcopy(model), "SmolLM3ForCausalLM", hf_config=copy.deepcopy(model.config)
        )
        return type(bridge.adapter).__module__

    raises = pytest.raises(ZeroDivisionError) if ends == "badly" else nullcontext()
    chosen = ["SmolLM3ForCausalLM", "CwmForCausalLM"]
    with raises, adaptergen.registered(only=chosen) as names:
        assert set(names) == set(chosen)
        assert module() == "adaptergen.generated.smollm3"
        with adaptergen.registered():
            assert tables()[1].keys() > set(names)
        assert module() == "adaptergen.generated.smollm3"
        assert 1 / (ends == "well")
    assert tables() == before
    assert module().startswith("transformer_lens.")


def test_without_transformer_lens_the_line_that_installs_it_is_told() -> None:
    program = (
        "import sys; sys.modules['transformer_lens'] = None\n"
        "import adaptergen\ntry: adaptergen.register()\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "adapters need transformer_lens: pip install 'adaptergen[verify]'\n"
