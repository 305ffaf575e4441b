"""Every target that adaptergen brings along."""

from collections.abc import Sequence
from importlib import import_module

from adaptergen.targets.target import Target

# Folders beside this module, each with a class `TARGET`. A build imports that of one alone.
TARGETS = ("transformer_lens", "nnterp")
# The one that is meant where none is named.
DEFAULT = TARGETS[0]


def target_of(name: str, templates: Sequence[str]) -> Target:
    """The target of that name, for folders of templates."""
    kind: type[Target] = import_module(f"adaptergen.targets.{name}").TARGET
    return kind(templates)
