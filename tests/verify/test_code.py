"""Models whose modelling code lies in a folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from adaptergen.errors import Failure
from adaptergen.verify.code import load_code
from adaptergen.verify.hf import HfModel, hf_class
from tests.verify.conftest import load

CONFIG = """
from transformers import LlamaConfig


class OwnConfig(LlamaConfig):
    model_type = "own"
"""
MODEL = """
import torch
from transformers import LlamaForCausalLM, LlamaModel

from .configuration_own import OwnConfig


class OwnModel(LlamaModel):
    config_class = OwnConfig


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
    factor = 1

    def __init__(self, config):
        super().__init__(config)
        self.model = OwnModel(config)
        self.post_init()
"""
AUTO_MAP = {
    "AutoConfig": "configuration_own.OwnConfig",
    "AutoModelForCausalLM": "modeling_own.OwnForCausalLM",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with modelling code as it lies on the hub."""
    code = tmp_path / "own"
    code.mkdir()
    (code / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": AUTO_MAP}))
    (code / "configuration_own.py").write_text(CONFIG)
    (code / "modeling_own.py").write_text(MODEL)
    return code


def test_the_class_of_a_folder_is_known_by_its_name(folder: Path) -> None:
    assert load_code(str(folder)) == "OwnForCausalLM"
    cls = hf_class("OwnForCausalLM")
    assert cls.config_class.model_type == "own"
    assert "Own" in type(HfModel("OwnForCausalLM", load("llama").spec.tiny).model.model).__name__


def test_a_checkpoint_of_the_class_loads_without_trust(folder: Path, tmp_path: Path) -> None:
    load_code(str(folder))
    model = HfModel("OwnForCausalLM", load("llama").spec.tiny).model
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=torch.float64)
    assert type(again) is type(model)
    assert torch.equal(again.lm_head.weight, model.lm_head.weight)


def test_a_changed_folder_replaces_the_class(folder: Path, tmp_path: Path) -> None:
    load_code(str(folder))
    load_code(str(folder))
    (folder / "modeling_own.py").write_text(MODEL.replace("factor = 1", "factor = 2"))
    load_code(str(folder))
    assert hf_class("OwnForCausalLM").factor == 2
    other = folder.rename(tmp_path / "other")
    (other / "modeling_own.py").write_text(MODEL.replace("factor = 1", "factor = 3"))
    load_code(str(other))
    assert hf_class("OwnForCausalLM").factor == 3


def without(key: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        auto_map = {name: value for name, value in AUTO_MAP.items() if name != key}
        (folder / "config.json").write_text(json.dumps({"auto_map": auto_map}))

    return change


def writes(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def elsewhere(folder: Path) -> None:
    other = {**AUTO_MAP, "AutoModelForCausalLM": "someone/own--modeling_own.OwnForCausalLM"}
    (folder / "config.json").write_text(json.dumps({"auto_map": other}))


MISTAKES = {
    "no config": (
        lambda folder: (folder / "config.json").unlink(), "config.json: no such file",
    ),
    "broken config": (writes("config.json", "{"), "config.json: not valid JSON"),
    "no auto_map": (writes("config.json", "{}"), "config.json: has no auto_map"),
    "no mapping": (writes("config.json", "[]"), "config.json: expected a config: a mapping"),
    "no model": (
        without("AutoModelForCausalLM"), "config.json: its auto_map has no AutoModelForCausalLM",
    ),
    "no config class": (without("AutoConfig"), "config.json: its auto_map has no AutoConfig"),
    "elsewhere": (
        elsewhere, "config.json: the code of AutoModelForCausalLM is in another repository",
    ),
    "no file": (
        lambda folder: (folder / "modeling_own.py").unlink(), "modeling_own.py: no such file",
    ),
    "no class": (
        writes("modeling_own.py", "x = 1\n"), "modeling_own.py: has no class OwnForCausalLM",
    ),
    "raises": (
        writes("modeling_own.py", "\nraise ValueError('half\\ndone')\n"),
        "modeling_own.py:2:1: raised ValueError: half done",
    ),
    "no Python": (writes("modeling_own.py", "\n\nclass :\n"), "modeling_own.py:3:1: raised Synta"),
    "exits": (writes("modeling_own.py", "raise SystemExit(3)"), "modeling_own.py:1:1: raised Sys"),
    "no type": (
        writes("configuration_own.py", CONFIG.replace('"own"', '""')),
        "configuration_own.py: the config class has no model_type",
    ),
    "no config of HF": (
        writes("configuration_own.py", "class OwnConfig:\n    model_type = 'own'\n"),
        "configuration_own.py: OwnConfig is no PreTrainedConfig",
    ),
    "no model of HF": (
        writes("modeling_own.py", "class OwnForCausalLM:\n    pass\n"),
        "modeling_own.py: OwnForCausalLM is no PreTrainedModel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(mistake: str, folder: Path) -> None:
    change, message = MISTAKES[mistake]
    change(folder)
    with pytest.raises(Failure) as caught:
        load_code(str(folder))
    (diagnostic,) = caught.value.diagnostics
    told = f"{diagnostic.location}: {diagnostic.message}"
    assert message in told
    assert "\n" not in told


SPEC = "architecture: OwnForCausalLM\nextends: llama\nsummary: A Llama of one's own.\n"


def test_verify_takes_a_folder_of_modelling_code(
    folder: Path, project: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "specs" / "own.yaml").write_text(SPEC)
    assert run("build").status == 0
    arguments = ("verify", "own", "--only", "boot", "--only", "checkpoint", "--json", "own.json")
    assert run(*arguments).status == 1
    trusting = (*arguments, "--trust-remote-code", str(folder))
    outcome = run(*trusting)
    assert outcome.status == 0, outcome.out
    # The code is among what an outcome depends on.
    inputs = json.loads(Path("own.json").read_text())["records"][0]["inputs"]
    run(*trusting, "--resume")
    assert json.loads(Path("own.json").read_text())["records"][0]["inputs"] == inputs
    (folder / "modeling_own.py").write_text("raise ValueError('gone')")
    outcome = run(*trusting, "--resume")
    assert outcome.status == 1
    assert "modeling_own.py:1:1: raised ValueError: gone" in outcome.err


def test_code_and_a_shipped_adapter_exclude_each_other(folder: Path, project: Path, run) -> None:
    shipped = ("--adapter", "transformer_lens:LlamaForCausalLM")
    outcome = run("verify", *shipped, "--trust-remote-code", str(folder))
    assert outcome.status == 2
    assert "exclude each other" in outcome.err
