"""`adaptergen show`: the merged spec, with the origin of each value."""

from pathlib import Path

import yaml

from adaptergen.project import bundled
from adaptergen.spec.load import Loader

CHILD = """\
architecture: TinyForCausalLM
extends: llama
summary: "A variant, of Llama: yes."
attention:
  rope: {layers: {flag: use_rope}}
"""


def test_each_value_names_the_file_and_line_it_came_from(project: Path, run) -> None:
    (project / "specs" / "tiny.yaml").write_text(CHILD)
    lines = run("show", "tiny").out.splitlines()
    assert "      flag: use_rope                      # specs/tiny.yaml:5" in lines
    assert any(line.startswith("  kind: rms") and "llama.yaml:" in line for line in lines)


def test_identity_that_was_left_out_is_shown_as_derived(project: Path, run) -> None:
    (project / "specs" / "tiny.yaml").write_text(CHILD)
    derived = [line.split() for line in run("show", "tiny").out.splitlines() if "# derived" in line]
    assert derived == [
        ["model_type:", "tiny", "#", "derived"],
        ["class_prefix:", "Tiny", "#", "derived"],
        ["title:", "Tiny", "#", "derived"],
    ]


def test_output_is_a_spec_that_means_the_same(project: Path, run) -> None:
    path = project / "specs" / "tiny.yaml"
    path.write_text(CHILD)
    shown = project / "specs" / "shown.yaml"
    shown.write_text(run("show", "tiny").out)
    assert "extends" not in yaml.safe_load(shown.read_text())
    loader = Loader([str(project / "specs"), bundled("specs")])
    whole = loader.load(str(path)).spec
    again = loader.load(str(shown)).spec
    assert (
        again.model_copy(update={"model_type": None, "class_prefix": None, "title": None}) == whole
    )


def test_unknown_name_gets_a_suggestion(project: Path, run) -> None:
    outcome = run("show", "smolm3")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "smolm3: no such spec\n    did you mean 'smollm3'?\n"


def test_spec_is_shown_for_programs(project: Path, run) -> None:
    import json

    shown = json.loads(run("show", "smollm3", "--format", "json").out)
    assert shown["spec"]["attention"]["rope"]["layers"] == {"flag": "use_rope"}
    assert shown["origins"]["attention.rope.layers.flag"].endswith("smollm3.yaml:6")
    assert shown["origins"]["paths.embed"].endswith("llama.yaml:5")
    assert [Path(path).name for path in shown["parents"]] == ["llama.yaml"]
