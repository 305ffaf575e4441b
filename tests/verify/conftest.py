"""Specs and modules to verify, whole and broken. HF models are built once per session."""

import copy
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest

from adaptergen.project import bundled
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.model import Spec
from adaptergen.targets.formatting import format_all
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.hf import HfModel
from adaptergen.verify.select import Selection

ROOT = Path(__file__).parents[2]
# What looks at paths, layers, heads and biases, and takes a second.
QUICK = Selection(
    only=("claims", "boot", "config", "forward", "hooks", "gradient", "weights"),
    skip=("claims.config",),
)

Replacements = tuple[tuple[str, str], ...]


@cache
def load(name: str) -> LoadedSpec:
    """A spec of the project."""
    return Loader([str(ROOT / "specs")]).load(str(ROOT / "specs" / f"{name}.yaml"))


def module_of(name: str) -> str:
    """The generated module of a spec."""
    return str(ROOT / "generated" / f"{name}.py")


@cache
def stepwise(name: str) -> str:
    """The module of a spec whose attention is never left to HF, so that TL computes it always."""
    spec = load(name).spec
    if not spec.fuses:
        return Path(module_of(name)).read_text(encoding="utf-8")
    code = Renderer([bundled("templates")]).adapter(changed(name, NEVER))
    return format_all({"module.py": code})["module.py"]


NEVER = {"attention.fused": "never"}


def changed(name: str, changes: dict[str, Any]) -> Spec:
    """A spec with other values at some dotted paths."""
    tree: Any = copy.deepcopy(load(name).tree.plain())
    for path, value in changes.items():
        *parents, key = path.split(".")
        facet = tree
        for parent in parents:
            facet = facet[parent]
        assert facet.get(key) != value
        facet[key] = value
    return Spec.model_validate(tree)


# Each keeps all that was seen of it.
@lru_cache(maxsize=8)
def hf_model(name: str) -> HfModel:
    """The tiny HF model of a spec, which broken adapters share."""
    spec = load(name).spec
    return HfModel(spec.architecture, spec.tiny)


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., str]:
    """Writes a copy of a generated module with texts replaced, all of them at once."""

    def write(name: str, replacements: Replacements, text: str = "") -> str:
        text = text or Path(module_of(name)).read_text(encoding="utf-8")
        for number, (old, _) in enumerate(replacements):
            assert old in text, f"{name}.py no longer has: {old}"
            text = text.replace(old, f"\0{number}\0")
        for number, (_, new) in enumerate(replacements):
            text = text.replace(f"\0{number}\0", new)
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write
