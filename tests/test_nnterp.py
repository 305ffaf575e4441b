"""The target nnterp: what it names, what it refuses, and whether nnterp then shows HF's model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adaptergen.build import bring_up_to_date
from adaptergen.language.files import spec_files
from adaptergen.project import Project, bundled
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.targets.nnterp import Nnterp
from adaptergen.targets.nnterp.rename import DEFAULTS, HEAD_COUNTS, settings
from tests.building import ROOT, TINY
from tests.conftest import Run
from tests.environments import overlay, python
from tests.strange_names import SPEC as STRANGE

SPECS = bundled("specs")
# nnterp does not import beside a later nnsight. Of what nnsight needs, what is imported.
REQUIREMENTS = (
    "nnterp==1.3.0", "nnsight==0.7.0", "transformers==5.23.0", "astor", "bidict", "cloudpickle",
    "h11", "ipython", "pygments", "python-engineio", "python-socketio", "requests",
    "simple-websocket", "traitlets", "websocket-client", "wsproto", "zstandard",
)  # fmt: skip
# Llama's blocks and its final norm are at places that nnterp knows, and named all the same.
USUAL = {"layers_name": "model.layers", "ln_final_name": "model.norm"}


def spec_of(folder: Path, lines: str) -> Spec:
    path = folder / "tiny.yaml"
    path.write_text(TINY + lines)
    return Loader([SPECS]).load(str(path)).spec


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("", {}),
        ("attention: {path: mixer}", {"attn_name": "mixer"}),
        ("mlp: {path: parts.feeder}", {"mlp_name": "parts.feeder"}),
        ("paths: {blocks: model.tower}", {"layers_name": "model.tower"}),
        ("paths: {final_norm: model.closing}", {"ln_final_name": "model.closing"}),
        ("paths: {unembed: reader}", {"lm_head_name": "reader"}),
        ("attention: {heads: {query: n_query}}", {"attn_head_config_key": "n_query"}),
        ("attention: {heads: {query: n_head}}", {}),
        ("versions: [{attention.path: mixer}]", {"attn_name": "mixer"}),
        ("attention: {path: one}\nversions: [{attention.path: two}]",
         {"attn_name": ["one", "two"]}),
        ("attention: {path: attn}", {"attn_name": "attn"}),
        ("embedding_norm: model.first", {}),
    ],
)  # fmt: skip
def test_parts_under_other_names_are_named(
    tmp_path: Path, lines: str, named: dict[str, Any]
) -> None:
    spec = spec_of(tmp_path, lines)
    assert settings(spec) == {**USUAL, **named}
    assert list(Nnterp([]).refused(spec)) == []


@pytest.mark.parametrize(
    ("lines", "keys", "why"),
    [
        ("paths: {embed: model.tokens}", "paths.embed",
         "nnterp has no setting for it, and finds only embed_tokens, wte, embed_in, word_emb"),
        ("paths: {embed: embedder}", "paths.embed", "nnterp has no setting for it"),
        ("side_mlp: {path: beside, gate_in: a, out: b}", "side_mlp",
         "nnterp has one MLP in a layer"),
        ("mlp: {path: inner.feeder}\nopaque: [ffn]", "mlp.path",
         "nnterp would take `ffn` for it, which it finds by itself"),
        ("attention: {path: inner.attn}\nopaque: [attention]", "attention.path",
         "nnterp would take `attention` for it"),
        ("attention: {path: mixer}\nopaque: [self_attn]", "attention.path",
         "nnterp would take `self_attn` for it"),
        ("embedding_norm: model.norm\npaths: {final_norm: model.closing}", "paths.final_norm",
         "nnterp would take `model.norm` for it"),
    ],
)  # fmt: skip
def test_what_nnterp_would_not_find_is_refused(
    tmp_path: Path, lines: str, keys: str, why: str
) -> None:
    refused = list(Nnterp([]).refused(spec_of(tmp_path, lines)))
    assert [".".join(refusal.keys) for refusal in refused] == [keys]
    assert refused[0].message.startswith(why)


def test_build_writes_beside_the_adapters_and_finds_what_is_stale(project: Path, run: Run) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    assert run("build").status == 0
    adapters = sorted(path.name for path in (project / "generated").iterdir())
    done = run("build", "--target", "nnterp")
    assert done.out == (
        "wrote generated/nnterp/tiny.py (new)\nwrote generated/nnterp/__init__.py (new)\n"
    )
    assert run("build", "--target", "nnterp").out == "up to date: 1 adapter\n"
    assert sorted(path.name for path in (project / "generated").iterdir()) == sorted(
        [*adapters, "nnterp"]
    )
    assert run("build", "--check").status == 0
    (project / "specs" / "tiny.yaml").write_text(TINY + "attention: {path: mixer}\n")
    assert run("build", "--target", "nnterp", "--check").out == (
        "stale: generated/nnterp/tiny.py (spec tiny changed)\n"
        "run `adaptergen build --target nnterp`\n"
    )


def test_a_refused_spec_is_shown_at_its_line(project: Path, run: Run) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY + "paths: {embed: model.tokens}\n")
    for arguments in (("--check",), ()):
        failed = run("build", "--target", "nnterp", *arguments)
        assert failed.status == 1
        assert "tiny.yaml:4:16: 'paths.embed': nnterp has no setting for it" in failed.err
    assert not (project / "generated" / "nnterp").exists()


def test_configurations_are_copied_into_packages(project: Path, run: Run) -> None:
    assert run("vendor", "llama", "--target", "nnterp", "--out", "names").status == 0
    assert sorted(path.name for path in (project / "names").iterdir()) == [
        "__init__.py",
        "llama.py",
    ]


def with_nnterp(folder: Path, specs: Sequence[str]) -> Any:
    """What `tests.nnterp_outputs` prints of specs and configurations in a folder."""
    environment = overlay("nnterp-1.3", *REQUIREMENTS)
    done = python(environment, "-m", "tests.nnterp_outputs", str(folder), *specs)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.full
def test_nnterp_shows_what_hf_computes(tmp_path: Path) -> None:
    strange = tmp_path / "strange.yaml"
    strange.write_text(STRANGE)
    loader, target = Loader([SPECS]), Nnterp([])
    every = [str(strange), *spec_files(SPECS)]
    specs = [path for path in every if not [*target.refused(loader.load(path).spec)]]
    assert {*every} - {*specs} == {str(Path(SPECS) / "granitemoeshared.yaml")}
    project = Project(str(ROOT), SPECS, str(tmp_path / "names"))
    bring_up_to_date(project, specs, "nnterp")
    found = with_nnterp(tmp_path / "names", specs)
    assert found["differences"] == {Path(path).stem: 0.0 for path in specs}
    assert found["known"] == [[name, alias] for name, alias in DEFAULTS.items()]
    assert found["heads"] == [*HEAD_COUNTS]


WRONG = """\
from nnterp.rename_utils import RenameConfig

RENAME_CONFIGS = {
    "StrangeForCausalLM": RenameConfig(
        layers_name="model.tower",
        attn_name="mixer",
        mlp_name="post_attention_layernorm",
        ln_final_name="model.closing",
        lm_head_name="reader",
    )
}
"""


@pytest.mark.full
def test_a_wrong_name_makes_a_difference(tmp_path: Path) -> None:
    strange, names = tmp_path / "strange.yaml", tmp_path / "names"
    strange.write_text(STRANGE)
    names.mkdir()
    (names / "__init__.py").write_text(WRONG)
    assert with_nnterp(names, [str(strange)])["differences"]["strange"] > 0.1
