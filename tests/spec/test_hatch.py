"""Names of hand-written parts: none that would be lost among those of the adapter."""

import ast
from pathlib import Path

import pytest

from adaptergen.build import Build
from adaptergen.language.files import spec_files
from adaptergen.project import Project, bundled
from adaptergen.spec.load import Loader
from adaptergen.targets.transformer_lens.names import PUBLIC_API, VARIABLES
from adaptergen.targets.transformer_lens.render import Renderer
from tests.building import TINY

FOLDERS = [bundled("specs")]


def refused(folder: Path, hatch: str) -> list[str]:
    path = folder / "tiny.yaml"
    path.write_text(f"{TINY}hatch:\n  reason: It counts.\n{hatch}")
    build = Build(Project(str(folder), str(folder), str(folder / "generated")), [str(path)])
    return [f"{d.line}:{d.column} {d.message}" for d in build.mistakes()]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("None", "'None' is a keyword of Python, which nothing can be called"),
        ("class", "'class' is a keyword of Python, which nothing can be called"),
        ("super", "'super' cannot be imported: Python has that name itself"),
        ("isinstance", "'isinstance' cannot be imported: Python has that name itself"),
        ("torch", "'torch' cannot be imported: adapters use that name themselves"),
        ("GatedMLPBridge", "'GatedMLPBridge' cannot be imported: adapters use that name"),
        ("self", "'self' cannot be imported: adapters use that name themselves"),
        ("TinyArchitectureAdapter", "'TinyArchitectureAdapter' cannot be imported: the adapter"),
    ],
)
@pytest.mark.parametrize("part", ["attention", "mlp", "block", "prepare_model"])
def test_name_that_means_something_else_is_refused(
    tmp_path: Path, part: str, name: str, why: str
) -> None:
    (found,) = refused(tmp_path, f"  {part}: pkg:{name}\n")
    assert found.startswith(f"6:{5 + len(part)} 'hatch.{part}': {why}")


@pytest.mark.parametrize("module", ["pkg.import.bridges", "lambda", "a.None"])
def test_module_that_cannot_be_imported_is_refused(tmp_path: Path, module: str) -> None:
    (found,) = refused(tmp_path, f"  mlp: {module}:Mine\n")
    assert "is a keyword of Python" in found


def test_one_name_of_two_modules_is_refused(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "  attention: one:Mine\n  mlp: two:Mine\n")
    assert found == "7:8 'hatch.mlp': 'Mine' is imported from one already"


@pytest.mark.parametrize("name", ["Mine", "TinyMLPBridge", "LlamaArchitectureAdapter", "nope"])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, f"  mlp: pkg.bridges:{name}\n  attention: pkg.bridges:{name}\n") == []


def bound(code: str) -> set[str]:
    """What a module binds below its top level, and could be imported under the same name."""
    nodes = list(ast.walk(ast.parse(code)))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names = stored | {node.arg for node in nodes if isinstance(node, ast.arg)}
    return {name for name in names if not name.startswith("_")}


def test_all_that_adapters_bind_is_known() -> None:
    renderer = Renderer([bundled("templates")])
    names: set[str] = set()
    for loaded in Loader(FOLDERS).load_all(spec_files(FOLDERS[0])):
        names |= bound(renderer.adapter(loaded.spec))
    assert names - VARIABLES == set()
    assert VARIABLES - names == set()
    assert VARIABLES & PUBLIC_API.keys() == set()


def test_names_that_are_bound_are_found() -> None:
    assert bound("class A:\n x = 1\n def f(self, y): z = y\n") == {"x", "self", "y", "z"}
