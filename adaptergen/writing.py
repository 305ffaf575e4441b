"""Writes several files as one: all of them, or none."""

import os
from collections.abc import Mapping

from adaptergen.errors import failure

_STAGED = ".adaptergen-new"


def write_all(texts: Mapping[str, str | None]) -> None:
    """Write each text to its path; None removes the file.

    New contents are staged beside their targets first. If anything stops the run after that, even
    Ctrl-C, files already replaced are put back.

    Raises:
        Failure: if a file cannot be written.
    """
    staged: dict[str, str] = {}
    before: dict[str, bytes | None] = {}
    done = False
    try:
        for path, text in texts.items():
            if text is not None:
                staged[path] = _stage(path, text)
        for path in texts:
            before[path] = _read(path)
            if path in staged:
                os.replace(staged[path], os.path.realpath(path))
            else:
                os.remove(path)
        done = True
    except OSError as error:
        raise failure(str(error.filename or ""), f"cannot be written: {error.strerror}") from None
    finally:
        if not done:
            _put_back(before)
        for path in staged.values():
            if os.path.exists(path):
                os.remove(path)


def _stage(path: str, text: str) -> str:
    os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
    staged = os.path.realpath(path) + _STAGED
    with open(staged, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    if os.path.exists(path):
        os.chmod(staged, os.stat(path).st_mode)
    return staged


def _read(path: str) -> bytes | None:
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def _put_back(before: Mapping[str, bytes | None]) -> None:
    for path, data in before.items():
        if data is None:
            if os.path.exists(path):
                os.remove(path)
        elif _read(path) != data:
            with open(path, "wb") as file:
                file.write(data)
