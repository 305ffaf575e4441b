"""Locks on folders, which the operating system lets go of when their holder ends, however it does.

The folder itself is locked, so that no file is left of it. Windows locks no folders, and some
network file systems do not: there, builds of one folder must not run side by side.
"""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from adaptergen.errors import Unusable, shown_path

if sys.platform != "win32":
    import fcntl

# Seconds between looks at a lock, and how many of them before who waits is told why.
_PAUSE, _PATIENCE = 0.02, 100
_UNSUPPORTED = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Lock:
    """A folder's lock: one who wants to write has it alone, those who `share` it only read.

    `waiting` is called when somebody else has it for more than a moment.
    """

    def __init__(
        self, folder: str, *, share: bool = False, waiting: Callable[[], object] = lambda: None
    ) -> None:
        self.folder = folder
        self.share = share
        self._waiting = waiting
        self._held, self._races = -1, 0
        self._made: list[str] = []

    def __enter__(self) -> "Lock":
        """Wait for the lock, on a folder that is made where it is missing; not so by readers.

        Raises:
            Unusable: if the folder cannot be made.
        """
        while self._held < 0:
            if not self.share:
                self._make()
            if os.path.lexists(self.folder) or self.share:
                self._held = open_folder(self.folder)
                # What is no folder, or not there, is for others to report.
                if self._held < 0:
                    break
                self._wait()
                if not is_at(self._held, self.folder):
                    os.close(self._held)
                    self._held = -1
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock; folders that were made for it and are empty still are removed."""
        for folder in self._made:
            try:
                os.rmdir(folder)
            except OSError:
                break
        if self._held >= 0:
            os.close(self._held)

    def _make(self) -> None:
        missing, folder = [], self.folder
        while not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder) or os.curdir
        for folder in reversed(missing):
            try:
                os.mkdir(folder)
            except OSError as error:
                raced = isinstance(error, FileExistsError | FileNotFoundError)
                # Another build has made it, or removed the one that it is to be in; but there are
                # folders, as /proc, in which none is ever found.
                self._races += 1
                if raced and self._races < _PATIENCE:
                    return
                name = shown_path(self.folder)
                raise Unusable(f"{name} cannot be made: {error.strerror}") from None
            self._made.insert(0, folder)

    def _wait(self) -> None:
        for _ in range(_PATIENCE):
            if try_lock(self._held, share=self.share) is not False:
                return
            time.sleep(_PAUSE)
        self._waiting()
        try_lock(self._held, share=self.share, block=True)


class Holding:
    """A new folder, locked until it is closed; its name is a prefix and so many random bytes.

    The lock tells others, and those who come after a run that was killed, whether it is in use.
    """

    def __init__(self, beside: str, prefix: str, size: int) -> None:
        self._held = -1
        self.path = ""
        while not self._is_ours():
            self.path = ""
            with suppress(FileExistsError):
                path = os.path.join(beside, prefix + os.urandom(size).hex())
                os.mkdir(path, 0o700)
                self.path = path
                self._held = open_folder(path)
            if self._held >= 0:
                try_lock(self._held, block=True)

    def _is_ours(self) -> bool:
        """Whether nobody took it for abandoned before it was locked."""
        if self._held >= 0 and is_at(self._held, self.path):
            return True
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
            return False
        # Where there are no locks, nobody takes away anything.
        return bool(self.path) and os.path.isdir(self.path)

    def close(self) -> None:
        """Let go of the lock; what to do with the folder is for its maker to know."""
        if self._held >= 0:
            os.close(self._held)


def unlocked(beside: str, prefix: str) -> Iterator[tuple[str, int]]:
    """The folders of a prefix whose makers are no more, each of them opened and locked."""
    for name in os.listdir(beside) if os.path.isdir(beside) else []:
        path = os.path.join(beside, name)
        if name.startswith(prefix) and not os.path.islink(path):
            held = open_folder(path)
            if held >= 0 and try_lock(held):
                yield path, held
            elif held >= 0:
                os.close(held)


def open_folder(path: str) -> int:
    """A folder to lock, opened, or -1 for what is none and where folders cannot be locked."""
    if sys.platform == "win32":
        return -1
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return -1


def try_lock(held: int, *, share: bool = False, block: bool = False) -> bool | None:
    """Lock an open folder: whether that could be done, or None where there are no such locks."""
    if sys.platform == "win32":
        return None
    how = fcntl.LOCK_SH if share else fcntl.LOCK_EX
    try:
        fcntl.flock(held, how if block else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return None
    return True


def is_at(held: int, path: str) -> bool:
    """Whether an open folder is the one at a path: it may have been renamed or removed."""
    try:
        return os.path.samestat(os.fstat(held), os.stat(path))
    except FileNotFoundError:
        return False
