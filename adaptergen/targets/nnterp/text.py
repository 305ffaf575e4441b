"""Modules for nnterp, as text."""

from collections.abc import Sequence

from adaptergen.registry import Entry
from adaptergen.spec.model import Spec
from adaptergen.targets.nnterp.rename import settings
from adaptergen.targets.text import literal, prose

_IMPORT = "from nnterp.rename_utils import RenameConfig"


def module(spec: Spec, name: str) -> str:
    """The rename configuration of a spec, under a name."""
    arguments = "".join(f"{key}={_literal(value)}," for key, value in settings(spec).items())
    return f'''"""Names of {prose(spec.name)}'s modules for nnterp.

{prose(spec.summary)}

    StandardizedTransformer(MODEL, rename_config={name})
"""

{_IMPORT}

{name} = RenameConfig({arguments})
'''


def registry(entries: Sequence[Entry]) -> str:
    """The rename configurations by architecture."""
    imports = "\n".join(f"from .{entry.module} import {entry.class_name}" for entry in entries)
    listed = "".join(
        f"{literal(architecture)}: {entry.class_name},"
        for entry in entries
        for architecture in entry.architectures
    )
    names = sorted(["RENAME_CONFIGS", *(entry.class_name for entry in entries)])
    return f'''"""Rename configurations for nnterp, by the name of the HF class that each is for."""

{_IMPORT}

{imports}

RENAME_CONFIGS: dict[str, RenameConfig] = {{{listed}}}

__all__ = [{"".join(f"{literal(name)}," for name in names)}]
'''


def _literal(value: str | list[str]) -> str:
    return literal(value) if isinstance(value, str) else f"[{', '.join(map(literal, value))}]"
