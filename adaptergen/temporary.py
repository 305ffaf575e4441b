"""Folders for temporary files: which folder they are in, whether it takes any, and that none stays.

A run that is killed outright cannot remove its own; whatever is run next does.
"""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import rmtree

from adaptergen.errors import Unusable
from adaptergen.lock import Holding, unlocked

# Where Python finds the folder's name.
_VARIABLES = ("TMPDIR", "TEMP", "TMP")
# The address of a socket has room for 107 characters, and its name in the folder takes some.
WITH_SOCKETS = 70
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROBE = b" " * 2**16
# Names that nobody gives by hand: folders of such names are removed.
_PREFIX, _SIZE = "adaptergen~", 4
_NAME = re.compile(f"{re.escape(_PREFIX)}[0-9a-f]{{{2 * _SIZE}}}")


@contextmanager
def temporary_folder(longest: int | None = None) -> Iterator[str]:
    """A folder that is gone afterwards, whose path has at most so many characters.

    Raises:
        Unusable: if there can be none, or not in the folder that the user names: Python would
            take another one without a word.
    """
    for name in _VARIABLES:
        if named := os.environ.get(name):
            _refuse(named, f"{name}={named}")
            break
    try:
        beside = tempfile.gettempdir()
    except OSError:
        # Its message lists the candidates, and says of none what is wrong with it.
        raise Unusable("no folder takes temporary files", "set TMPDIR to one that does") from None
    if longest is not None and len(os.path.join(beside, _PREFIX)) + 2 * _SIZE > longest:
        raise _unusable(beside, "its path is too long")
    _sweep(beside)
    try:
        folder = Holding(beside, _PREFIX, _SIZE)
    except OSError as error:
        raise _unusable(beside, str(error.strerror)) from None
    maker = os.getpid()
    try:
        yield folder.path
    finally:
        # A process that was forked meanwhile drops its copy of this, as multiprocessing's do.
        if os.getpid() == maker:
            rmtree(folder.path, ignore_errors=True)
        folder.close()


def _sweep(beside: str) -> None:
    """Remove what this user's runs that were killed have left."""
    with suppress(OSError):
        for path, held in unlocked(beside, _PREFIX):
            if _NAME.fullmatch(os.path.basename(path)) and _is_ours(held):
                rmtree(path, ignore_errors=True)
            os.close(held)


def _is_ours(held: int) -> bool:
    """Whether an open folder is this user's, and nobody else's business, as ours are made."""
    found = os.fstat(held)
    return found.st_uid == os.geteuid() and found.st_mode & 0o777 == 0o700


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
