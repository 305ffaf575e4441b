"""A build with nothing to do, ended before anything is imported that only other runs need.

Most runs of hooks are such. A build that has found all of a project fresh notes hashes over all
that this rests on, names and bytes: pyproject.toml, specs, templates, generated modules, the code
that makes them, and the version of the formatter. While nothing of it changes, all is fresh. No
file's time is asked, and nothing that a project brings is believed: the note lies in the user's
cache folder. Specs are looked at first: where they have changed, no more is read. `typing` or
`collections` take longer to import than this takes altogether.
"""

import os
import sys

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

from adaptergen.installed import NO_GENERATOR, cache_folder, formatter_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = os.path.dirname(os.path.abspath(__file__))
# Arguments that change nothing of what there is to do.
_PLAIN = frozenset(("--check", "--quiet", "--fail-on-change"))
# Of more than this, no note is made: a folder of specs that has it may be a whole home.
_MOST_FILES, _MOST_BYTES = 20_000, 2**26
_CHUNK = 2**16
# A pipe is opened without waiting for its writer, and no line ending is translated.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def run(arguments: list[str]) -> int | None:
    """End a build that has nothing to do, with status 0; None where that has to be found out."""
    if arguments[:1] != ["build"] or not _PLAIN.issuperset(arguments[1:]):
        return None
    try:
        with open(_note_path(), encoding="utf-8") as file:
            noted, said, *trees = file.read().splitlines()
        if any(then != now for then, now in zip(noted.split(), _states(trees), strict=True)):
            return None
        if "--quiet" not in arguments:
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
    except Exception:  # whatever it is, the long way says it better
        return None
    return 0


def note(trees: list[str], said: str, is_fresh: "Callable[[], bool]") -> None:
    """Note that all is fresh while the state of these trees is what it is now.

    `is_fresh` looks once more: what was read before may have changed since. Nothing is noted if
    that is so, or if there is no place for it.
    """
    from adaptergen.errors import Unusable
    from adaptergen.writing import write_all

    try:
        found = state(trees)
        if found and is_fresh() and state(trees) == found:
            text = "\n".join([found, said, *trees, ""])
            write_all({_note_path(): text}, follow=False)
    except (Unusable, OSError, UnicodeEncodeError):
        # The last for a folder whose name is no text.
        return


def _note_path() -> str:
    key = blake2b(f"{os.getcwd()}\n{PACKAGE}".encode("utf-8", "surrogateescape"), digest_size=16)
    return os.path.join(cache_folder(), key.hexdigest())


def state(trees: list[str]) -> str:
    """Hashes over all that a build in the working folder rests on; empty for too much of it.

    Args:
        trees: Kinds and folders, as `kind folder`. Of `flat` ones the folders inside do not count.

    Raises:
        OSError: if something cannot be read.
    """
    found = list(_states(trees))
    return " ".join(found) if found[-1] else ""


def _states(trees: list[str]) -> "Iterator[str]":
    """A hash over the first of the trees, over the first two, and so on, in the end over all."""
    total = _Total()
    for tree in trees:
        kind, _, path = tree.partition(" ")
        total.add_tree(path, flat=kind == "flat")
        yield total.hash.hexdigest()
    folder = os.getcwd()
    while True:
        total.add_file(os.path.join(folder, "pyproject.toml"))
        if (parent := os.path.dirname(folder)) == folder:
            break
        folder = parent
    total.add(formatter_version().encode())
    total.add_tree(PACKAGE, ".py", NO_GENERATOR)
    yield "" if total.too_much else total.hash.hexdigest()


class _Total:
    """A hash over files, and how many they are."""

    def __init__(self) -> None:
        self.hash = blake2b(digest_size=32)
        self.files = self.bytes = 0

    @property
    def too_much(self) -> bool:
        return self.files > _MOST_FILES or self.bytes > _MOST_BYTES

    def add(self, data: bytes) -> None:
        self.hash.update(b"%d:" % len(data))
        self.hash.update(data)

    def add_file(self, path: str) -> None:
        """A file's bytes, or that there is none."""
        try:
            handle = os.open(path, _FLAGS)
        except FileNotFoundError:
            self.add(b"none")
            return
        try:
            while not self.too_much:
                part = os.read(handle, _CHUNK)
                self.add(part)
                self.bytes += len(part)
                if len(part) < _CHUNK:
                    return
        finally:
            os.close(handle)

    def add_tree(
        self, folder: str, ending: str = "", skip: frozenset[str] = frozenset(), flat: bool = False
    ) -> None:
        """The names in a folder, the bytes of files, and what is in folders inside of it."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            entries = []
        self.add(os.fsencode(folder))
        for entry in entries:
            self.files += 1
            name = entry.name
            if self.too_much or name in skip or name == "__pycache__":
                continue
            if entry.is_dir():
                self.add(os.fsencode(f"{name}/"))
                if not flat:
                    self.add_tree(entry.path, ending)
            elif name.endswith(ending):
                self.add(os.fsencode(name))
                if entry.is_file():
                    self.add_file(entry.path)
