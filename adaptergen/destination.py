"""Places that a long run will write to: whether it can is found out before it begins."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack

from adaptergen.errors import Unusable, shown_path
from adaptergen.language.files import same_file
from adaptergen.writing import is_special, open_special

_SOURCES = (".py", ".yaml", ".yml", ".toml", ".j2")


def refuse_report(path: str, flag: str, start: str) -> ExitStack:
    """Refuse a report's path that cannot be written, or where something else lies than a report.

    Devices and pipes are written into, and held open by what is returned: the reader of a pipe
    takes its first end for the last. A report begins with `start`.

    Raises:
        Unusable: naming the flag.
    """
    held = ExitStack()
    if is_special(path):
        try:
            held.callback(os.close, open_special(path))
        except OSError as error:
            raise _unwritable(path, flag, error) from None
        return held
    if path.lower().endswith(_SOURCES):
        hint = "specs and modules end so; a report ends in .json or .html"
        raise Unusable(f"{flag} {shown_path(path)}: this is no name for a report", hint)
    if os.path.isfile(path) and os.path.getsize(path) and not _begins(path, start):
        hint = "remove it, or give another name"
        raise Unusable(f"{flag} {shown_path(path)}: the file that is there is no report", hint)
    refuse_unwritable(path, flag)
    return held


def refuse_unwritable(path: str, flag: str) -> None:
    """Refuse a path at which no file can be made.

    Raises:
        Unusable: naming the flag.
    """
    if os.path.isdir(path):
        raise Unusable(f"{flag} {shown_path(path)}: it is a folder")
    if is_special(path):
        raise Unusable(f"{flag} {shown_path(path)}: it is no regular file")
    target = os.path.realpath(path)
    try:
        # Permissions do not say all: a whole file system may be read-only, or full.
        tempfile.TemporaryFile(dir=_nearest_folder(target)).close()
    except OSError as error:
        raise _unwritable(path, flag, error) from None


def refuse_same(given: Iterable[tuple[str, str | None]]) -> None:
    """Refuse two flags that name one file.

    Raises:
        Unusable: naming both.
    """
    paths = [(flag, path) for flag, path in given if path]
    for number, (flag, path) in enumerate(paths):
        for other, same in paths[:number]:
            if same_file(path, same):
                raise Unusable(f"{other} and {flag} name one file: {shown_path(path)}")


def _unwritable(path: str, flag: str, error: OSError) -> Unusable:
    return Unusable(f"{flag} {shown_path(path)}: cannot be written: {error.strerror}")


def _begins(path: str, start: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(start.encode())) == start.encode()
    except OSError as error:
        raise Unusable(f"{shown_path(path)} cannot be read: {error.strerror}") from None


def _nearest_folder(path: str) -> str:
    """The folder of a path; where it is yet to be made, the one in which it will be."""
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder
