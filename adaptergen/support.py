"""The module beside generated adapters that they import, so that none repeats what it holds."""

NAME = "hook_aware"
FILE = f"{NAME}.py"
SOURCE = f"{NAME}.py.j2"
