"""Generated modules use of TransformerLens what it does not keep to itself."""

import ast
import importlib
import inspect
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch import nn

from adaptergen.project import bundled

GENERATED = Path(bundled("generated"))
MODULES = [path.stem for path in sorted(GENERATED.glob("*.py")) if path.stem != "__init__"]
# What cannot be had by another name, each with its reason.
EXCEPTIONS = {
    "_testing_lm_attr": (
        "an adapter's way to say where TransformerLens finds the rotary embedding when it tests"
        " components; there is no public one"
    ),
    "_pre_output_projection": (
        "TransformerLens documents it as what adapters override to norm what the heads return"
    ),
    "_rotary_emb": (
        "TransformerLens' public way to set it makes HF's module one of attention's own besides"
    ),
    "_original_component": (
        "TransformerLens leaves this name out of those of HF's parameters, and no other"
    ),
}


def is_private(name: str) -> bool:
    return len(name) > 1 and name.startswith("_") and not name.endswith("__")


def names_in(tree: ast.AST) -> set[str]:
    """Private names that classes define, and those of attributes that code reads or sets."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    found.add(part.name)
                elif isinstance(part, ast.AnnAssign | ast.Assign):
                    targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                    found |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # As `getattr` and `_modules` take them.
            found.add(node.value)
    return {name for name in found if is_private(name)}


def tls_bases(module: ModuleType) -> set[type]:
    """TransformerLens' classes below those that a module defines or takes from it."""
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    bases = {base for defined in classes for base in defined.__mro__}
    return {base for base in bases if base.__module__.startswith("transformer_lens.")}


def private_names(classes: set[type]) -> set[str]:
    """Names that the classes keep to themselves, which are not PyTorch's."""
    trees = (ast.parse(textwrap.dedent(inspect.getsource(each))) for each in classes)
    pytorchs = {*dir(nn.Module), *vars(nn.Module())}
    return set().union(*map(names_in, trees)) - pytorchs


def used(source: str, module: ModuleType) -> set[str]:
    """Private names of TransformerLens that a source overrides, reads or sets."""
    return names_in(ast.parse(source)) & private_names(tls_bases(module))


def generated(name: str) -> tuple[str, ModuleType]:
    path = GENERATED / f"{name}.py"
    return path.read_text(encoding="utf-8"), importlib.import_module(f"generated.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_no_private_name_of_transformer_lens_is_used(name: str) -> None:
    assert used(*generated(name)) - set(EXCEPTIONS) == set()


def test_each_exception_is_needed() -> None:
    everywhere: set[str] = set().union(*(used(*generated(name)) for name in MODULES))
    assert everywhere == set(EXCEPTIONS)


@pytest.mark.parametrize(
    "body",
    [
        "def _update_kv_cache(self, k, v): ...",
        "def window(self): return self._layer_idx",
        "def window(self): self._qk_norm_per_head = None",
        "def window(self): return getattr(self, '_qk_norm_phase')",
        "_hf_forward_wrapped = True",
        "_captured_pre_ln_residual: Any = None",
    ],
)
def test_a_private_name_is_found(body: str) -> None:
    source: Any
    source, module = generated("attention")
    assert used(f"{source}\n\nclass Broken:\n    {body}\n", module) - set(EXCEPTIONS)
