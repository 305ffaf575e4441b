"""Writes several files as one: all of them, or none."""

import os
from collections.abc import Mapping
from contextlib import suppress

from adaptergen.errors import Unusable, shown_path

_STAGED = ".adaptergen-new"


def write_all(texts: Mapping[str, str | None]) -> None:
    """Write each text to its path; None removes the file.

    New contents are staged beside their targets first. If anything stops the run after that, even
    Ctrl-C, files already replaced are put back.

    Raises:
        Unusable: if a file cannot be written.
    """
    before: dict[str, bytes | None] = {}
    path = ""
    try:
        for path, text in texts.items():
            if text is not None:
                _stage(path, text.encode())
        for path, text in texts.items():
            before[path] = _read(path)
            if text is None:
                os.remove(path)
            else:
                os.replace(_staged(path), os.path.realpath(path))
    except BaseException as error:
        _put_back(before)
        for staged in map(_staged, texts):
            with suppress(OSError):
                os.remove(staged)
        if isinstance(error, OSError):
            raise Unusable(f"{shown_path(path)} cannot be written: {error.strerror}") from None
        raise


def _staged(path: str) -> str:
    return os.path.realpath(path) + _STAGED


def _stage(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
    with open(_staged(path), "wb") as file:
        file.write(data)
    if os.path.exists(path):
        os.chmod(_staged(path), os.stat(path).st_mode)


def _read(path: str) -> bytes | None:
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def _put_back(before: Mapping[str, bytes | None]) -> None:
    for path, data in before.items():
        with suppress(OSError):
            if data is None:
                if os.path.exists(path):
                    os.remove(path)
            elif _read(path) != data:
                _stage(path, data)
                os.replace(_staged(path), os.path.realpath(path))
