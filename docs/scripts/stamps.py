"""Says on each measured page at which commit that was, and whether what it rests on has changed.

A page is measured again in minutes or in hours. Until then it says that it is of another day:
`make stamps` writes that line, and `make check` fails where a page claims to be fresh and is not.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.scripts import ROOT

RECORD = "docs/stamps.json"
# Files and folders that each page's numbers come from, and the target that measures it. Of what
# generated modules hold, specs and templates say everything; their headers change more often.
_MODULES = ("adaptergen/targets", "specs", "templates", "constraints.txt")
_VERIFY = ("adaptergen/spec", "adaptergen/verify")
_SPECS = "docs/scripts/bundled.py"
RESTS_ON = {
    "comparison": (
        *_MODULES,
        _SPECS,
        "docs/scripts/comparison.py",
        "docs/explanations.yaml",
        "docs/scripts/measuring.py",
        "docs/scripts/sides.py",
    ),
    "findings": (
        *_VERIFY,
        _SPECS,
        "constraints.txt",
        "docs/causes.yaml",
        "docs/scripts/findings.py",
    ),
    "inference": (
        *_MODULES,
        *_VERIFY,
        _SPECS,
        "adaptergen/infer",
        "docs/scripts/inference.py",
        "tests/infer",
    ),
    "performance": (*_MODULES, "docs/performance.yaml", "tests/bench"),
    "upstream": (*_MODULES, "docs/upstream.yaml", "tests/upstream"),
    "versions": (
        *_MODULES,
        *_VERIFY,
        _SPECS,
        "docs/scripts/versions.py",
        "docs/versions.yaml",
        "tests/environments.py",
    ),
}
TARGETS = {"performance": "bench-forward", "upstream": "upstream-tests"}
# The line below a page's title.
_LINE = re.compile(r"\n\n<!-- stamp -->[^\n]*", re.DOTALL)


class Stamp(NamedTuple):
    """The commit that a page was measured at, and a digest of what it rested on then."""

    commit: str
    digest: str


def digest(page: str, root: Path) -> str:
    """A digest of all that a page rests on, by name and content."""
    found = hashlib.sha256()
    for path in _files(page, root):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:12]


def _files(page: str, root: Path) -> Iterator[Path]:
    for name in sorted(RESTS_ON[page]):
        path = root / name
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in inside if file.is_file() and not _is_made(file))


def _is_made(file: Path) -> bool:
    """Whether a file is made from others, and changes when nothing that is measured does."""
    return "__pycache__" in file.parts or file.name == "schema.json"


def line(page: str, stamp: Stamp, root: Path) -> str:
    """The line about a page's age, the same after any further change."""
    measured = f"<!-- stamp -->Measured at commit `{stamp.commit}`"
    if digest(page, root) == stamp.digest:
        return f"{measured}; the files that the figures depend on have not changed since."
    target = TARGETS.get(page, page)
    return (
        f"{measured}. Files that the figures depend on have changed since;"
        f" `make {target}` measures again."
    )


def unstamped(text: str) -> str:
    """A page without its line."""
    return _LINE.sub("", text, count=1)


def stamped(text: str, said: str) -> str:
    """A page with a line below its title."""
    title, _, rest = unstamped(text).partition("\n")
    return f"{title}\n\n{said}\n{rest}"


def read(root: Path) -> dict[str, Stamp]:
    """The stamps of all pages."""
    rows = json.loads((root / RECORD).read_text(encoding="utf-8"))
    return {page: Stamp(**row) for page, row in rows.items()}


def record(pages: list[str], root: Path) -> None:
    """Note that pages were measured just now."""
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    told = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    new = {page: Stamp(told.stdout.strip(), digest(page, root)) for page in pages}
    stamps = {**read(root), **new}
    rows = {page: stamps[page]._asdict() for page in sorted(stamps)}
    (root / RECORD).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def stale(root: Path) -> Iterator[tuple[Path, str]]:
    """Pages that say something else of their age than is so, and how they should read."""
    for page, stamp in read(root).items():
        path = root / "docs" / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        right = stamped(text, line(page, stamp, root))
        if text != right:
            yield path, right


def main() -> None:
    """Write the lines, or look at them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a line is wrong")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument(
        "measured", nargs="*", choices=[*RESTS_ON, []], metavar="PAGE", help="measured just now"
    )
    arguments = parser.parse_args()
    if arguments.measured:
        record(arguments.measured, arguments.root)
    wrong = list(stale(arguments.root))
    for path, text in wrong:
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
    if wrong and arguments.check:
        names = ", ".join(f"docs/{path.name}" for path, _ in wrong)
        sys.exit(f"what is said of their age is not so: {names}; run `make stamps`")


if __name__ == "__main__":
    main()
