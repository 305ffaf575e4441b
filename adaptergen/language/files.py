"""Spec files: their names, and where a parent is looked for. Imports nothing heavy."""

import os
import stat
from collections.abc import Iterable

from adaptergen.errors import failure

ENDING = ".yaml"
# What a file may be long, in bytes; the longest bundled spec has four thousand.
SPEC_LIMIT = 2**18
_LIMIT = 2**24
_CHUNK = 2**20
# A pipe is opened without waiting for its writer, and no line ending is translated.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


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
    """The first file for a spec's name, `skip` left out: a spec can extend its bundled namesake.

    One that cannot be read is found, too: it must not give way to another silently.
    """
    for folder in folders:
        path = os.path.join(folder, name + ENDING)
        if os.path.lexists(path) and not (skip and same_file(path, skip)):
            return path
    return None


def find_parent(name: str, child: str, folders: Iterable[str]) -> str | None:
    """The file of a spec's parent: beside the child first, then in `folders`."""
    return find_spec(name, [os.path.dirname(child), *folders], skip=child)


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to the same file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        # One of them is not there.
        return os.path.realpath(one) == os.path.realpath(other)


def read_bytes(path: str, limit: int = _LIMIT) -> bytes:
    """The bytes of a regular file: no pipe, which may never end, and no device.

    Raises:
        Failure: if it cannot be read, is something else, or has more than `limit` bytes.
    """
    try:
        handle = os.open(path, _FLAGS)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
                raise failure(path, f"cannot be read: it is {kind}")
            data = _up_to(handle, limit + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise failure(path, f"cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise failure(path, f"cannot be read: it has more than {limit:,} bytes")
    return data


def _up_to(handle: int, count: int) -> bytes:
    """At most so many bytes. What a file says of its size is not asked: in /proc it is 0."""
    parts = []
    while count and (part := os.read(handle, min(count, _CHUNK))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
