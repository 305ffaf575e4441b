"""Spec files: their names, and where a parent is looked for. Imports nothing heavy."""

import os
from collections.abc import Iterable

from adaptergen.errors import failure

ENDING = ".yaml"


def spec_name(path: str) -> str:
    """The name of a spec: its file's name without the ending."""
    return os.path.splitext(os.path.basename(path))[0]


def spec_files(folder: str) -> list[str]:
    """The spec files directly in a folder, sorted; none where it is no folder."""
    if not os.path.isdir(folder):
        return []
    return [
        os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(ENDING)
    ]


def find_spec(name: str, folders: Iterable[str], skip: str = "") -> str | None:
    """The first file for a spec's name, `skip` left out: a spec can extend its bundled namesake."""
    for folder in folders:
        path = os.path.join(folder, name + ENDING)
        if os.path.isfile(path) and not (skip and same_file(path, skip)):
            return path
    return None


def find_parent(name: str, child: str, folders: Iterable[str]) -> str | None:
    """The file of a spec's parent: beside the child first, then in `folders`."""
    return find_spec(name, [os.path.dirname(child), *folders], skip=child)


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to the same file."""
    return os.path.realpath(one) == os.path.realpath(other)


def read_bytes(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        Failure: if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise failure(path, f"cannot be read: {error.strerror}") from None
