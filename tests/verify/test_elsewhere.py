"""A spec whose modules are elsewhere in the installed transformers is followed there."""

import copy
from pathlib import Path
from typing import Any

import pytest
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.spec.versions import named_places, replaced
from adaptergen.targets.formatting import format_all
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.check import largest_difference
from adaptergen.verify.checks import ALL
from adaptergen.verify.components import made
from adaptergen.verify.layout import as_installed
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.verify.conftest import hf_model, load

LOOKED_AT = Selection(
    only=("claims.named", "claims.parameters", "claims.paths", "boot", "forward", "hooks", "use"),
    skip=("boot.defaults", "use.compiled"),
)


def moved(spec: Spec) -> Spec:
    """The spec of a version in which every module has another name; its other one has HF's."""
    real = {claim: leaf.value for claim, leaf in named_places(spec).items()}
    names = {path: f"elsewhere{number}" for number, path in enumerate(dict.fromkeys(real.values()))}
    changes = {claim: names[path] for claim, path in real.items()}
    return replaced(spec, {**changes, "versions": [{"paths.unembed": "nowhere"}, real]})


def subject_of(name: str, spec: Spec, folder: Path) -> Subject:
    code = Renderer([bundled("templates")]).adapter(spec)
    module = folder / f"{name}.py"
    module.write_text(format_all({"module.py": code})["module.py"], encoding="utf-8")
    return Subject(spec, str(module), hf=hf_model(name))


@pytest.mark.parametrize(
    "name",
    [
        "phi3",
        "qwen2_moe",
        *(
            pytest.param(name, marks=pytest.mark.full)
            for name in ("llama", "gemma2", "falcon", "deepseek_v3", "granitemoeshared", "bitnet")
        ),
    ],
)
def test_every_module_may_be_elsewhere(name: str, tmp_path: Path) -> None:
    subject = subject_of(name, moved(load(name).spec), tmp_path)
    assert subject.declared == replaced(load(name).spec, {"versions": []})
    results = run_checks(subject, LOOKED_AT.of(ALL))
    failed = [f"{r.check}: {r.message}" for r in results if r.status is Status.FAILED]
    assert not failed


def test_modules_are_found_without_prepare_model_too(tmp_path: Path) -> None:
    spec = load("llama").spec
    changes = {"paths.unembed": "head", "versions": [{"paths.unembed": "lm_head"}]}
    subject = subject_of("llama", replaced(spec, changes), tmp_path)
    model: Any = copy.deepcopy(subject.hf.computing("sdpa"))
    ready = made(subject.adapter, subject.architecture, model)
    wanted = model(subject.few_ids).logits
    bridge = TransformerBridge(model, ready, None)
    assert largest_difference(bridge(subject.few_ids), wanted) == 0


def test_a_module_that_is_nowhere_is_missed(tmp_path: Path) -> None:
    changes = {"paths.unembed": "head", "versions": [{"paths.unembed": "embed_out"}]}
    subject = subject_of("llama", replaced(load("llama").spec, changes), tmp_path)
    checks = Selection(only=("claims.named", "boot.mapping")).of(ALL)
    named, mapping = run_checks(subject, checks)
    assert named.message.startswith("HF's model has no 'head' under any config that is run")
    assert "unembed is mapped to 'head', which HF does not have" in mapping.message


def test_what_is_where_the_spec_says_is_not_looked_for_elsewhere() -> None:
    spec = replaced(load("llama").spec, {"versions": [{"paths.unembed": "model.embed_tokens"}]})
    assert as_installed(spec, hf_model("llama")) is spec
