"""What the argument of `infer` means, and what of a checkpoint's config is kept."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adaptergen.errors import Failure, Unusable
from adaptergen.infer.shrink import shrunk
from adaptergen.infer.source import Source, source
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.verify.hf import HfModel
from tests.infer.tiny_models import spec_of
from tests.infer.variants import draw, write

pytestmark = pytest.mark.usefixtures("exact")
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
OWN_CODE = {"auto_map": {"AutoModelForCausalLM": "modeling_mine.LlamaForCausalLM"}}
LARGE = {"hidden_size": 5120, "num_hidden_layers": 40, "num_attention_heads": 40}


def meant(argument: Path | str, *, trusted: bool = False) -> Source:
    return source(str(argument), trust_remote_code=trusted)


def written(folder: Path, content: object) -> Path:
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def tiny_of(path: Path, **fixed: Any) -> TinyModel:
    found = meant(path)
    return shrunk(found.architecture, found.given, fixed)


def test_class_has_no_values_of_its_own() -> None:
    assert meant("LlamaForCausalLM") == Source("LlamaForCausalLM", {})


@pytest.mark.parametrize("name", ["LlamaForCausalML", "SmolLM3ForCausaLM"])
def test_unknown_class_gets_a_suggestion(name: str) -> None:
    with pytest.raises(Unusable, match=f"no model class {name}; did you mean '.*ForCausalLM'"):
        meant(name)


@pytest.mark.parametrize(
    "name", ["LlamaConfig", "AutoTokenizer", "pipeline", "AutoModelForCausalLM", "__name__"]
)
def test_what_is_no_model_class_is_refused(name: str) -> None:
    with pytest.raises(Unusable, match=f"no model class {name}"):
        meant(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ([1], "expected a config: a mapping of keys to values"),
        ({"model_type": "llama"}, "names no architecture"),
        ({**LLAMA, "architectures": []}, "names no architecture"),
        ({**LLAMA, "architectures": [1]}, "names no architecture"),
        ({"architectures": ["NoSuchForCausalLM"]}, "has no model class NoSuch"),
        ({"architectures": ["NoSuchForCausalLM"], "model_type": [1]}, "has no model class NoSuch"),
        ({"architectures": ["pipeline"], "model_type": "mine"}, "has no model class pipeline"),
        ({"architectures": ["CLIPModel"]}, "CLIPModel is no language model"),
        ({"architectures": ["CLIPModel"], "model_type": "clip"}, "CLIPModel is no language model"),
        ({"architectures": ["AutoModelForCausalLM"]}, "has no model class AutoModelForCausalLM"),
        ({"architectures": ["__name__"], "model_type": "__name__"}, "has no model class __name__"),
        ({"architectures": ["PreTrainedModel"]}, "has no model class PreTrainedModel"),
        ("[" * 100_000 + "]" * 100_000, "not valid JSON: nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "not valid JSON: nested too deeply"),
        ("", "not valid JSON"),
        ({**LLAMA, **OWN_CODE, "model_type": "mine"}, "the model has modelling code of its own"),
        ({**LLAMA, "hidden_size": "wide"}, "LlamaConfig refuses it"),
    ],
)
def test_config_that_describes_no_model_is_refused(
    tmp_path: Path, content: object, message: str
) -> None:
    path = written(tmp_path, content)
    for argument in (path, tmp_path):
        with pytest.raises(Failure, match=message) as refused:
            meant(argument)
        assert refused.value.diagnostics[0].file == str(path)


def test_class_is_never_suggested_for_itself() -> None:
    with pytest.raises(Unusable) as refused:
        meant("AutoModelForCausalLM")
    assert "'AutoModelForCausalLM'" not in str(refused.value)


def test_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, {**LLAMA, "attention_bias": True})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert meant(path).given == {"attention_bias": True}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_config_that_is_not_utf8_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes('{"name": "é"}'.encode(encoding))
    with pytest.raises(Failure, match="not valid JSON: UnicodeDecodeError"):
        meant(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_for_a_config_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(Failure, match="it is no regular file"):
        meant(tmp_path / "config.json")


@pytest.mark.parametrize("name", ["config.json", "."])
def test_what_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Failure, match=r"config\.json: no such file"):
        meant(tmp_path / name)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, LLAMA)
    with pytest.raises(Failure, match=r"config\.json/config\.json: cannot be read: Not a"):
        meant(path / "config.json")


def test_only_values_that_differ_from_the_classs_own_are_kept(tmp_path: Path) -> None:
    values = {"attention_bias": True, "mlp_bias": False, "rms_norm_eps": 1e-6}
    about = {"dtype": "bfloat16", "transformers_version": "5.0.0"}
    unknown = {"model_max_length": 8192, "is_llama_config": True}
    path = written(tmp_path, {**LLAMA, **values, **about, **unknown})
    assert meant(path).given == {"attention_bias": True}


def test_values_that_matter_reach_the_tiny_model_and_sizes_do_not(tmp_path: Path) -> None:
    rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6}
    kept = {"attention_bias": True, "rope_parameters": rope, "tie_word_embeddings": True}
    config = tiny_of(written(tmp_path, {**LLAMA, **LARGE, **kept})).config
    assert {key: getattr(config, key) for key in kept} == kept
    assert (config.hidden_size, config.num_hidden_layers) == (48, 4)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Llama", {"rope_theta": 5e5, "rope_scaling": None}, {"rope_theta": 5e5}),
        (
            "Mistral",
            {"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 3.0}},
            {"rope_type": "linear", "type": "linear", "factor": 3.0, "rope_theta": 1e6},
        ),
        ("StableLm", {"partial_rotary_factor": 0.5}, {"partial_rotary_factor": 0.5}),
        ("GPTNeoX", {"rotary_pct": 0.5, "rotary_emb_base": 500}, {"partial_rotary_factor": 0.5}),
    ],
)
def test_keys_by_their_old_names_are_kept_under_those_of_today(
    tmp_path: Path, name: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    found = meant(written(tmp_path, {"architectures": [f"{name}ForCausalLM"], **old})).given
    assert found.keys() == {"rope_parameters"}
    assert found["rope_parameters"].items() >= new.items()


def test_lists_with_an_entry_for_each_layer_become_short(tmp_path: Path) -> None:
    kinds = ["sliding_attention", "full_attention"] * 20
    config = {
        "architectures": ["SmolLM3ForCausalLM"],
        **LARGE,
        "no_rope_layers": [1, 0] * 20,
        "layer_types": kinds,
        "use_sliding_window": True,
    }
    found = tiny_of(written(tmp_path, config))
    assert len(found.layers) == 4
    assert set(found.config.no_rope_layers) == {0, 1}
    assert found.config.use_sliding_window is True


def test_the_users_own_values_win_over_the_checkpoints(tmp_path: Path) -> None:
    found = tiny_of(written(tmp_path, {**LLAMA, "attention_bias": True}), attention_bias=False)
    assert found.config.attention_bias is False


def test_saved_tiny_checkpoint_is_a_source(tmp_path: Path) -> None:
    spec = spec_of("smollm3")
    HfModel(spec.architecture, spec.tiny).model.save_pretrained(tmp_path)
    found = meant(tmp_path)
    assert found.architecture == "SmolLM3ForCausalLM"
    assert found.given["use_sliding_window"] is True
    assert shrunk(found.architecture, found.given, {}).config.use_sliding_window is True


def test_remote_code_runs_only_if_trusted(tmp_path: Path) -> None:
    write(draw(3), tmp_path)
    with pytest.raises(Failure, match="which would be run") as refused:
        meant(tmp_path)
    assert refused.value.diagnostics[0].hint == "read it, then pass --trust-remote-code"
    assert meant(tmp_path, trusted=True).architecture == "Synth3ForCausalLM"


def test_class_that_hf_has_itself_is_taken_unless_own_code_is_trusted(tmp_path: Path) -> None:
    written(tmp_path, {**LLAMA, **OWN_CODE, "attention_bias": True})
    ran = tmp_path / "ran"
    (tmp_path / "modeling_mine.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    assert meant(tmp_path) == Source("LlamaForCausalLM", {"attention_bias": True})
    assert not ran.exists()
    with pytest.raises(Failure, match="its auto_map has no AutoConfig"):
        meant(tmp_path, trusted=True)


@pytest.mark.parametrize(
    ("own", "values", "architecture", "given"),
    [
        (
            {"model_type": "exaone", "architectures": ["ExaoneForCausalLM"]},
            {"num_layers": 30, "layer_norm_epsilon": 1e-3, "hidden_size": 4096},
            "LlamaForCausalLM",
            {"num_hidden_layers": 30, "rms_norm_eps": 1e-3, "num_key_value_heads": 8},
        ),
        (
            {"model_type": "sarvam_moe", "architectures": ["SarvamMoEForCausalLM"]},
            {"rms_norm_eps": 1e-3},
            "Glm4MoeForCausalLM",
            {"rms_norm_eps": 1e-3},
        ),
        (
            {"model_type": "phimoe", "architectures": ["PhiMoEForCausalLM"]},
            {"lm_head_bias": True},
            "PhimoeForCausalLM",
            {"lm_head_bias": True},
        ),
    ],
)
def test_the_type_says_which_class_it_is_where_hf_does_not_know_the_name(
    tmp_path: Path,
    own: dict[str, Any],
    values: dict[str, Any],
    architecture: str,
    given: dict[str, Any],
) -> None:
    found = meant(written(tmp_path, {**own, **OWN_CODE, **values}))
    assert found.architecture == architecture
    assert found.given.items() >= given.items()


@pytest.mark.parametrize("name", ["pipeline", "AutoModelForCausalLM", "MineForCausalLM"])
def test_class_that_the_type_alone_says_is_remarked_upon(tmp_path: Path, name: str) -> None:
    found = meant(written(tmp_path, {"architectures": [name], "model_type": "llama"}))
    assert found.architecture == "LlamaForCausalLM"
    assert f"names {name}, no language model of transformers" in found.note
    assert "LlamaForCausalLM, its class for llama" in found.note
    assert meant(written(tmp_path, {**LLAMA, "model_type": "llama"})).note == ""


def test_a_model_whose_layers_run_more_than_once_is_refused_for_that() -> None:
    with pytest.raises(Unusable, match="no list of modules that each run once"):
        shrunk("DoryForCausalLM", {}, {})


def test_broken_remote_code_is_reported(tmp_path: Path) -> None:
    write(draw(3), tmp_path)
    (tmp_path / "modeling_synth3.py").write_text("raise ValueError('mine')\n")
    with pytest.raises(Failure, match="ValueError: mine"):
        meant(tmp_path, trusted=True)


def test_hub_id_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(Unusable, match=r"nobody/nothing: .*give a class, a config\.json"):
        meant("nobody/nothing")
