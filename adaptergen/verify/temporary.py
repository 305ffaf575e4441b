"""The folder for temporary files: which one, and whether it takes any."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from adaptergen.errors import Unusable

# Where Python finds the folder's name.
_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROBE = b" " * 2**16
# The address of a socket has room for 107 characters, and its name in the folder takes some.
_LONGEST = 70


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A folder that is gone afterwards.

    Raises:
        Unusable: if there can be none, or not in the folder that the user names: Python would
            take another one without a word.
    """
    for name in _VARIABLES:
        if named := os.environ.get(name):
            _refuse(named, f"{name}={named}")
            break
    try:
        folder = tempfile.TemporaryDirectory(prefix="adaptergen-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _unusable("no folder", str(error.strerror or error)) from None
    if len(folder.name) > _LONGEST:
        folder.cleanup()
        raise _unusable(tempfile.gettempdir(), "its path is too long")
    with folder as path:
        yield path


def refuse_full(error: BaseException) -> None:
    """Say so where it is the folder's fault that something went wrong.

    Libraries wrap the system's errors in their own, of which nothing but the text is left.

    Raises:
        Unusable: if the folder is full, or was.
    """
    folder = tempfile.gettempdir()
    for number in _FULL:
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            raise _unusable(folder, os.strerror(number)) from None
    _refuse(folder, folder)


def _refuse(folder: str, shown: str) -> None:
    """Refuse a folder that takes no file."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        raise _unusable(shown, str(error.strerror)) from None


def _unusable(folder: str, reason: str) -> Unusable:
    return Unusable(f"{folder} takes no temporary files: {reason}", "set TMPDIR to another folder")
