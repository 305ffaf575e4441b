"""Writes several files as one: all of them, or none."""

import errno
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from stat import S_ISDIR, S_ISFIFO, S_ISREG

from adaptergen.errors import Unusable, shown_path
from adaptergen.lock import Holding, unlocked

# What is written first lies in folders of such names, beside the files that it will replace.
_PREFIX = ".adaptergen-"
_IGNORED = ".gitignore"
# Names of files that are open already, whatever they are.
_OPEN = re.compile(r"/dev/fd/(\d{1,9})|/proc/self/fd/(\d{1,9})|/dev/std(in|out|err)")
_STANDARD = {"in": 0, "out": 1, "err": 2}
# A pipe's reader is not waited for, and no terminal is taken for our own.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def write_all(texts: Mapping[str, str | None], *, follow: bool = True) -> None:
    """Write each text to its path; None removes the file.

    New contents are staged beside their targets first. If anything stops the run after that, even
    Ctrl-C, files already replaced are put back. A device or a pipe is written into, and never
    replaced. Where a path is a link, the file that it leads to is written; unless `follow`, the
    link is replaced, and what is no file is refused.

    Raises:
        Unusable: if a file cannot be written.
    """
    writer = _Writer(follow)
    try:
        writer.write(texts)
    except OSError as error:
        name = shown_path(writer.path)
        raise Unusable(f"{name} cannot be written: {error.strerror}") from None
    finally:
        writer.close()


def abandoned(folder: str) -> list[str]:
    """Stages that killed runs left in a folder where they were about to replace files."""
    found = []
    for path, held in unlocked(folder, _PREFIX):
        found.append(path)
        os.close(held)
    return found


def clear(folder: str) -> bool:
    """Remove what runs that were killed left in a folder; whether there was something."""
    found = False
    for path, held in unlocked(folder, _PREFIX):
        found = True
        _remove(path)
        os.close(held)
    return found


class _Writer:
    """One run of `write_all`: where it is, what it has staged, and what was there before."""

    def __init__(self, follow: bool) -> None:
        self.follow = follow
        self.path = ""
        self._stages: dict[str, _Stage] = {}
        # Of a link, where it leads.
        self._before: dict[str, bytes | str | None] = {}

    def write(self, texts: Mapping[str, str | None]) -> None:
        staged: dict[str, str] = {}
        for self.path, text in texts.items():
            special = is_special(self.path)
            if special and not (self.follow or os.path.islink(self.path)):
                raise OSError(errno.EINVAL, "it is no regular file")
            if text is not None and not (special and self.follow):
                staged[self.path] = self._stage(self._target(self.path), text.encode())
        try:
            for self.path, text in texts.items():
                if text is None:
                    self._before[self.path] = _content(self.path)
                    os.remove(self.path)
                elif self.path in staged:
                    target = self._target(self.path)
                    self._before[target] = _content(target)
                    os.replace(staged[self.path], target)
                else:
                    _write_into(self.path, text)
        except BaseException:
            self._put_back()
            raise

    def close(self) -> None:
        """Remove what was staged and not put in place."""
        for stage in self._stages.values():
            stage.close()

    def _target(self, path: str) -> str:
        return os.path.realpath(path) if self.follow else path

    def _stage(self, target: str, content: bytes | str) -> str:
        folder = os.path.dirname(target) or os.curdir
        if folder not in self._stages:
            os.makedirs(folder, exist_ok=True)
            self._stages[folder] = _Stage(folder)
        return self._stages[folder].add(content, target)

    def _put_back(self) -> None:
        for target, content in self._before.items():
            with suppress(OSError):
                if content is None:
                    os.remove(target)
                elif _content(target) != content:
                    os.replace(self._stage(target, content), target)


class _Stage:
    """A folder of files that are about to be put in place, which git ignores."""

    def __init__(self, beside: str) -> None:
        self._count = 0
        self._holding = Holding(beside, _PREFIX, 16)
        self.folder = self._holding.path
        _make_ignored(self.folder)

    def add(self, content: bytes | str, target: str) -> str:
        """A new file with a content, or a new link to a path, and the target's permissions."""
        path = os.path.join(self.folder, str(self._count))
        self._count += 1
        if isinstance(content, str):
            os.symlink(content, path)
            return path
        with open(path, "xb") as file:
            file.write(content)
        if os.path.exists(target):
            os.chmod(path, os.stat(target).st_mode)
        return path

    def close(self) -> None:
        _remove(self.folder)
        self._holding.close()


def _make_ignored(folder: str) -> None:
    """Make git pass over a folder, at whatever moment the process may end.

    Where the system can do that, the file that says so appears only when its text is in it.
    """
    path = os.path.join(folder, _IGNORED)
    try:
        unnamed = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o644)
        os.write(unnamed, b"*\n")
        # The folder to start from makes Python call the function that can follow links.
        os.link(f"/proc/self/fd/{unnamed}", path, src_dir_fd=unnamed, follow_symlinks=True)
        os.close(unnamed)
    except (AttributeError, OSError):
        with open(path, "xb") as file:
            file.write(b"*\n")


def _remove(stage: str) -> None:
    """Remove a stage and what write_all put there, and nothing else."""
    with suppress(OSError):
        names = os.listdir(stage)
        for name in [*filter(str.isdigit, names), *(n for n in names if n == _IGNORED)]:
            os.remove(os.path.join(stage, name))
        os.rmdir(stage)


def _content(path: str) -> bytes | str | None:
    """The content of a file, or the target of a link; None where there is nothing."""
    if os.path.islink(path):
        return os.readlink(path)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def is_special(path: str) -> bool:
    """Whether a path leads to what is no file and no folder, or is the name of an open file."""
    if _OPEN.fullmatch(os.path.abspath(path)):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (S_ISREG(mode) or S_ISDIR(mode))


def open_special(path: str) -> int:
    """A device, a pipe or an open file by its name, opened to be written into.

    Raises:
        OSError: if that cannot be done; for a pipe that nobody reads, too, whose reader might
            never come.
    """
    if found := _OPEN.fullmatch(os.path.abspath(path)):
        # To open its name would start at its beginning again, over what was printed before.
        number = _STANDARD[found[3]] if found[3] else int(found[1] or found[2])
        # Writing nothing fails where it is open for reading only.
        os.write(number, b"")
        return os.dup(number)
    try:
        handle = os.open(path, os.O_WRONLY | _WITHOUT_WAITING)
    except OSError as error:
        if error.errno == errno.ENXIO and S_ISFIFO(os.stat(path).st_mode):
            raise OSError(error.errno, "nobody reads from this pipe") from None
        raise
    if _WITHOUT_WAITING:
        os.set_blocking(handle, True)
    return handle


def _write_into(path: str, text: str) -> None:
    sys.stdout.flush()
    with open(open_special(path), "wb") as file:
        file.write(text.encode())
