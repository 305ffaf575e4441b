"""The wheel, installed without torch, does for a user's project what the checkout does."""

import sys
import zipfile
from pathlib import Path

import pytest

from adaptergen import __version__
from adaptergen.language.files import spec_files
from adaptergen.targets.transformer_lens import support

from .conftest import CHECKOUT, call, succeed

# Environments are made for it.
pytestmark = pytest.mark.full

SPEC = """\
architecture: MineForCausalLM
extends: llama
summary: A decoder of our own that skips rotation on some layers.
attention:
  rope: {layers: {flag: use_rope}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.adaptergen]\nspecs = "my/specs"\noutput = "src/adapters"\n'
    )
    (tmp_path / "my" / "specs").mkdir(parents=True)
    (tmp_path / "my" / "specs" / "mine.yaml").write_text(SPEC)
    return tmp_path


@pytest.mark.parametrize("kind", ["specs", "templates", "generated"])
def test_wheel_holds_the_bundled_files(wheel: Path, kind: str) -> None:
    here = {
        str(path.relative_to(CHECKOUT)): path.read_bytes()
        for path in (CHECKOUT / kind).rglob("*.*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        inside = {
            name.removeprefix("adaptergen/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith(f"adaptergen/{kind}/")
        }
    assert inside == here
    assert here


def test_wheel_is_typed_and_licensed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "adaptergen/py.typed" in names
    assert f"adaptergen-{__version__}.dist-info/licenses/LICENSE" in names
    assert not [name for name in names if name.startswith("tests")]


def test_wheel_holds_what_the_report_is_drawn_with(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("html/page.html.jinja", "html/style.css", "html/script.js", "record.schema.json"):
        assert f"adaptergen/verify/{name}" in names


def test_environment_has_no_torch(installed: Path, tmp_path: Path) -> None:
    found = call(installed / "python", "-c", "import torch", cwd=tmp_path)
    assert "ModuleNotFoundError: No module named 'torch'" in found.stderr


def test_builds_a_users_spec_as_the_checkout_does(installed: Path, project: Path) -> None:
    built = succeed(installed / "adaptergen", "build", cwd=project)
    assert built.splitlines() == [
        "wrote src/adapters/mine.py (new)",
        *(f"wrote src/adapters/{file} (new)" for file in support.FILES),
        "wrote src/adapters/__init__.py (new)",
    ]
    module = (project / "src" / "adapters" / "mine.py").read_text()
    assert "class _MineAttentionBridge(HookAwareAttentionBridge):" in module
    assert "class MineArchitectureAdapter(BaseAdapter):" in module

    # Fresh for the wheel is fresh for the checkout: versions, not places, decide.
    for program in ([installed / "adaptergen"], [sys.executable, "-m", "adaptergen"]):
        checked = succeed(*program, "build", "--check", cwd=project)
        assert checked == "up to date: 1 adapter\n"


def test_lists_and_shows_the_bundled_specs(installed: Path, project: Path) -> None:
    listed = succeed(installed / "python", "-m", "adaptergen", "list", cwd=project)
    names = [Path(path).stem for path in spec_files(str(CHECKOUT / "specs"))]
    assert [name for name in names if name not in listed] == []
    assert "mine" in listed
    assert "architecture: MineForCausalLM" in succeed(
        installed / "adaptergen", "show", "mine", cwd=project
    )


def test_verify_without_torch_says_what_to_install(installed: Path, project: Path) -> None:
    done = call(installed / "adaptergen", "verify", "mine", cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "torch" in done.stderr
    assert "pip install 'adaptergen[verify]'" in done.stderr
    assert "Traceback" not in done.stderr
