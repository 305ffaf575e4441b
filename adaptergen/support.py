"""The modules beside generated adapters that they import, so that none repeats what those hold."""

NAMES = ("base_adapter", "hook_aware", "joint")


def file(name: str) -> str:
    """The file of a module."""
    return f"{name}.py"


def source(name: str) -> str:
    """The template of a module."""
    return f"{file(name)}.j2"


FILES = tuple(map(file, NAMES))
