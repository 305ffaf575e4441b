"""What is refused before any check: it would say nothing of the adapter."""

from pathlib import Path
from typing import Any

import pytest

from adaptergen.errors import Failure, Unusable
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.verify import verify
from adaptergen.verify.select import Selection
from tests.building import TINY
from tests.verify.conftest import load, module_of

QUICK = Selection(only=("claims.paths",))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"num_hidden_layers": "x"}, r'--set num_hidden_layers="x": HF makes no LlamaForCausalLM'),
        ({"hidden_act": "nope", "rms_norm_eps": 0.1}, r'--set hidden_act="nope": HF makes no'),
        ({"num_attention_heads": 0}, r"--set num_attention_heads=0: HF makes no .*ZeroDivision"),
        (
            {"num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": -1},
            r"--set head_dim=-1: HF makes no",
        ),
    ],
)
def test_value_that_hf_makes_no_model_with_is_blamed_and_not_the_adapter(
    overrides: dict[str, Any], told: str
) -> None:
    with pytest.raises(Unusable, match=told):
        verify(load("llama"), module_of("llama"), overrides, select=QUICK)


def test_value_that_hf_takes_is_not_blamed() -> None:
    record = verify(load("llama"), module_of("llama"), {"rms_norm_eps": 0.1}, select=QUICK)
    assert record.passed


@pytest.mark.parametrize("name", ["AutoModelForCausalLM", "CLIPModel", "GenerationMixin"])
def test_class_that_is_no_language_model_is_refused_where_the_spec_names_it(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace("TinyForCausalLM", name))
    loaded = Loader([bundled("specs")]).load(str(path))
    with pytest.raises(Failure, match=f"{name} of transformers is no language model") as refused:
        verify(loaded, module_of("llama"), select=QUICK)
    assert [(d.line, d.column) for d in refused.value.diagnostics] == [(1, 15)]
