"""What may import what, and what a run of the command line loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import adaptergen
from adaptergen.components.attention.spec import Attention
from adaptergen.components.mlp.spec import Mlp
from adaptergen.spec.model import Spec as Spec

ROOT = Path(__file__).parents[1]
PACKAGE = Path(adaptergen.__file__).parent
# Lines of a module or a template.
LONGEST = 300
HEAVY = {"torch", "transformers", "transformer_lens"}
PARSERS = {"pydantic", "jinja2", "yaml"}

# Each layer imports from those before it and from itself, never from a later one.
LAYERS = (
    ("errors", "halves"),
    ("installed", "lock", "temporary"),
    ("language",),
    ("components",),
    ("spec", "writing"),
    ("quick",),
    ("report", "stamp", "destination"),
    ("project", "registry", "schema_file"),
    ("folder",),
    ("targets",),
    ("sources",),
    ("outputs",),
    ("build", "selection"),
    ("runtime", "adapters", "verify"),
    ("infer",),
    ("reference",),
    ("commands",),
    ("argument_values",),
    ("arguments", "completion"),
    ("cli",),
    ("__main__",),
)


# What the folder of a part or a kind holds besides belongs to the package that asks for it.
ASPECTS = {
    "render": "targets",
    "probe": "verify",
    "facts": "verify",
    "headed": "verify",
    "positions": "verify",
    "rotation": "verify",
    "mutants": "verify",
    "infer": "infer",
}


def layer_of(module: str) -> int:
    name = module.split(".")[1]
    if name == "components":
        name = ASPECTS.get(module.rpartition(".")[2], name)
    return next(index for index, names in enumerate(LAYERS) if name in names)


def imports_of(source: str) -> set[str]:
    """Modules of the package that a source imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "adaptergen":
            found |= {f"adaptergen.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.startswith("adaptergen.") and name[11:12] != "_"}


def upward(module: str, source: str) -> list[str]:
    """Imports of a module that go against the direction."""
    return sorted(i for i in imports_of(source) if layer_of(i) > layer_of(module))


MODULES = {
    ".".join(("adaptergen", *path.relative_to(PACKAGE).with_suffix("").parts)): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.stem != "__init__"
}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    assert upward(module, MODULES[module].read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import adaptergen.cli",
        "from adaptergen import build",
        "def f():\n    from adaptergen.targets import x",
    ],
)
def test_an_import_against_the_direction_is_found(source: str) -> None:
    assert upward("adaptergen.spec.load", source)


KINDS = [
    kind.__module__.rpartition(".")[0] for part in (Attention, Mlp) for kind in part.kinds.values()
]
# The one place that names every kind.
REGISTRATION = "adaptergen.components.registered"


def naming(folder: str) -> list[str]:
    """Modules outside of a kind's folder that import it, or its facet."""
    inside = (f"{folder}.", folder)
    return [
        module
        for module, path in MODULES.items()
        if not module.startswith(inside)
        and module != REGISTRATION
        and any(found.startswith(inside) for found in imports_of(path.read_text()))
    ]


# Inference proposes what TL computes step by step, and asks no kind of attention for it.
PROPOSING = {"adaptergen.infer.candidates"}


@pytest.mark.parametrize("folder", KINDS)
def test_no_module_outside_of_the_folder_of_a_kind_names_it(folder: str) -> None:
    allowed = PROPOSING if folder.endswith(".attention.reimplemented") else set()
    assert set(naming(folder)) <= allowed


@pytest.mark.parametrize("folder", KINDS)
def test_what_a_kind_says_of_hf_depends_on_nothing_that_is_rendered(folder: str) -> None:
    for module, path in MODULES.items():
        if module.startswith(f"{folder}.") and ASPECTS.get(module.rpartition(".")[2]) == "verify":
            assert not {i for i in imports_of(path.read_text()) if "render" in i}


def overlong(folder: Path) -> list[str]:
    """Modules and templates that nobody reads at a sitting."""
    files = [path for ending in ("py", "j2") for path in sorted(folder.rglob(f"*.{ending}"))]
    texts = (path for path in files if path.is_file())
    return [path.name for path in texts if path.read_bytes().count(b"\n") > LONGEST]


@pytest.mark.parametrize("folder", ["adaptergen", "docs", "generated", "templates", "tests"])
def test_modules_and_templates_are_short(folder: str) -> None:
    assert overlong(ROOT / folder) == []


def test_a_template_that_is_too_long_is_found(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "long.py.j2").write_text("\n" * 301)
    (tmp_path / "short.py").write_text("\n" * 300)
    assert overlong(tmp_path) == ["long.py.j2"]


def loaded_by(program: str, cwd: Path) -> set[str]:
    """Top-level modules that a program loads."""
    program += "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


BUILD = "from adaptergen.cli import main\nmain(['build'])"


def test_spec_render_and_build_never_load_torch(project: Path) -> None:
    (project / "specs" / "tiny.yaml").write_text(
        "architecture: TinyForCausalLM\nextends: llama\nsummary: Tiny.\n"
    )
    first = loaded_by(BUILD, project)
    assert first & HEAVY == set()
    assert first >= PARSERS


def test_fresh_build_loads_no_parser(project: Path) -> None:
    (project / "specs" / "tiny.yaml").write_text(
        "architecture: TinyForCausalLM\nextends: llama\nsummary: Tiny.\n"
    )
    loaded_by(BUILD, project)
    fresh = loaded_by(BUILD, project)
    assert "adaptergen" in fresh
    assert fresh & (HEAVY | PARSERS | {"ruff", "difflib", "json", "dataclasses"}) == set()


@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "list", "list --format json", "explain", "explain window",
     "explain claims.heads", "show tiny", "schema", "diff tiny llama", "new mine --extends llama",
     "build --check", "build --render", "vendor llama --out copied", "verify --help",
     "verify --list-checks", "verify --list-checks --format json", "infer --help"],
)  # fmt: skip
def test_what_runs_no_model_never_loads_torch(project: Path, arguments: str) -> None:
    (project / "specs" / "tiny.yaml").write_text(
        "architecture: TinyForCausalLM\nextends: llama\nsummary: Tiny.\n"
    )
    program = (
        f"from adaptergen.cli import main\ntry: main({arguments.split()})\nexcept SystemExit: pass"
    )
    loaded = loaded_by(program, project)
    assert loaded & HEAVY == set()
    assert (project / "copied").exists() == arguments.startswith("vendor")


@pytest.mark.parametrize("package", ["spec", "targets"])
def test_no_module_of_the_core_loads_torch(package: str, project: Path) -> None:
    names = [name for name in MODULES if name.startswith(f"adaptergen.{package}")]
    program = "\n".join(f"import {name.removesuffix('.__init__')}" for name in names)
    assert loaded_by(program, project) & HEAVY == set()


def test_specs_are_compared_and_written_without_torch(project: Path) -> None:
    program = "import adaptergen.infer.parents, adaptergen.infer.text, adaptergen.reference.words"
    assert loaded_by(program, project) & HEAVY == set()
