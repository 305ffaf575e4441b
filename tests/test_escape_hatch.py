"""docs/escape-hatch.md: its example works as it stands."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

PAGE = Path(__file__).parents[1] / "docs" / "escape-hatch.md"


def files(page: str) -> dict[str, str]:
    """The files that a page shows: a block of code behind a sentence that ends in the name."""
    pattern = r"`(\S+\.\w+)`(?:(?!\n\n)[^`])*?:\n\n```(?:python|yaml)\n(.*?)```"
    found = dict(re.findall(pattern, page, re.S))
    (template,) = re.findall(r"```jinja\n(.*?)```", page, re.S)
    return {**found, "my_templates/adapter.py.j2": template}


@pytest.fixture
def project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in files(PAGE.read_text(encoding="utf-8")).items():
        path = project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # `verify` adds the project to it.
    monkeypatch.setattr(sys, "path", [*sys.path])
    return project


def test_the_page_shows_the_files_of_its_example(project: Path) -> None:
    shown = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    assert shown == {"my_bridges.py", "specs/counted.yaml", "my_templates/adapter.py.j2"}


def test_the_generated_module_imports_the_bridge_and_says_why(project: Path, run: Run) -> None:
    assert run("build").status == 0
    code = (project / "generated" / "counted.py").read_text(encoding="utf-8")
    assert "from my_bridges import CountingMLPBridge" in code
    assert '"mlp": CountingMLPBridge(' in code
    assert "Written by hand: `CountingMLPBridge`." in code


def test_an_adapter_with_a_bridge_of_the_project_is_verified(project: Path, run: Run) -> None:
    assert run("build").status == 0
    groups = ("claims.mlp", "forward", "hooks", "interventions", "gradient", "weights")
    result = run("verify", "counted", *(word for group in groups for word in ("--only", group)))
    assert result.status == 0, result.out + result.err


def test_a_bridge_that_computes_something_else_is_refused(project: Path, run: Run) -> None:
    bridges = project / "my_bridges.py"
    text = bridges.read_text(encoding="utf-8")
    bridges.write_text(text.replace("return output\n", "return 2 * output\n"), encoding="utf-8")
    assert run("build").status == 0
    result = run("verify", "counted", "--only", "forward.logits")
    assert result.status == 1
    assert "forward.logits" in result.out


def test_a_template_of_the_project_extends_the_bundled_one(project: Path, run: Run) -> None:
    assert run("build", "--templates", "my_templates").status == 0
    code = (project / "generated" / "counted.py").read_text(encoding="utf-8")
    assert "self.cfg.dtype = torch.float32" in code
    assert "self.cfg.gated_mlp = True" in code


@pytest.mark.parametrize(
    "name", ["os.system", "my_bridges:", "a:b:c", "my bridges:Class", ":Class"]
)
def test_what_is_no_name_in_a_module_is_refused(project: Path, run: Run, name: str) -> None:
    spec = project / "specs" / "counted.yaml"
    text = spec.read_text(encoding="utf-8").replace("my_bridges:CountingMLPBridge", f"'{name}'")
    spec.write_text(text, encoding="utf-8")
    result = run("build")
    assert result.status == 1
    assert "a module and a name in it" in result.err
