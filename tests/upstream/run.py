"""Runs TransformerLens' own tests with generated adapters in the place of its own.

What fails then, and does not with its own, must be listed in docs/upstream.yaml with the reason why
it is meant to. `docs/upstream.md` is the page of that list.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".upstream"
LISTED = ROOT / "docs" / "upstream.yaml"
PAGE = ROOT / "docs" / "upstream.md"
# Those of architectures. What they want from a hub they cannot have: it fails with both.
TESTS = ("tests/unit/model_bridge/supported_architectures", "tests/integration")
MOST = 100


@dataclass(frozen=True)
class Difference:
    """Tests that are meant to fail, as patterns of a shell, and why."""

    reason: str
    tests: tuple[str, ...]

    def names(self, test: str) -> bool:
        """Whether a test is one of them."""
        return any(fnmatchcase(test, pattern) for pattern in self.tests)


@dataclass(frozen=True)
class Outcomes:
    """The tests that passed, and the last line about each that failed."""

    passed: frozenset[str]
    failed: dict[str, str]


def tests_of(version: str) -> Path:
    """The tests of a release, from its source distribution on PyPI."""
    folder = FOLDER / version
    if not (folder / "tests").is_dir():
        package = f"transformer-lens=={version}"
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--quiet"]
        pip = [sys.executable, "-m", "pip", "download", package, "--dest", str(folder)]
        subprocess.run([*pip, *options], check=True)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            _unpack(archive, folder)
    return folder


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """The tests alone: the package that they test is the installed one."""
    for member in archive.getmembers():
        _, _, member.name = member.name.partition("/")
        if member.name.startswith("tests/"):
            archive.extract(member, folder, filter="data")


def run_own(folder: Path) -> Outcomes:
    """What becomes of the tests with adapters of TransformerLens: the same for these versions."""
    versions = (f"{name}-{importlib.metadata.version(name)}" for name in ("torch", "transformers"))
    written = folder / f"own-{'-'.join(versions)}.json"
    return read(written) if written.is_file() else run(folder, "own", written)


def run(folder: Path, adapters: str, written: Path) -> Outcomes:
    """Run the tests with `own` adapters of TransformerLens, or with `ours`, and note outcomes."""
    path = os.pathsep.join((str(ROOT), str(HERE)))
    paths = {"PYTHONPATH": path, "ADAPTERS": adapters, "OUTCOMES": str(written)}
    options = ["-c", os.devnull, "--rootdir", ".", "-p", "outcomes", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *options, "--tb", "line", *TESTS]
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **paths, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return read(written)


def read(written: Path) -> Outcomes:
    """The outcomes of a run."""
    found = json.loads(written.read_text(encoding="utf-8"))
    return Outcomes(frozenset(found["passed"]), found["failed"])


def listed() -> list[Difference]:
    """What is meant to differ."""
    entries = yaml.safe_load(LISTED.read_text(encoding="utf-8"))
    return [Difference(entry["reason"], tuple(entry["tests"])) for entry in entries]


def complaints(own: Outcomes, ours: Outcomes, known: list[Difference]) -> Iterator[str]:
    """What is wrong: tests that fail with our adapters alone, and entries that none needs."""
    lost = {test: said for test, said in ours.failed.items() if test in own.passed}
    meant = {test for test in lost if any(entry.names(test) for entry in known)}
    for test in lost.keys() - meant:
        yield f"{test}: {lost[test]}"
    for entry in known:
        for pattern in entry.tests:
            if not any(fnmatchcase(test, pattern) for test in lost):
                yield f"{pattern} is listed, and nothing of it fails"
    if len(meant) > MOST:
        yield f"{len(meant)} tests are listed, {MOST} may be"


def page(own: Outcomes, ours: Outcomes, known: list[Difference], version: str) -> str:
    """The page of the list."""
    lost = sorted(test for test in ours.failed if test in own.passed)
    lines = [
        "# TransformerLens' own tests",
        "",
        f"`make upstream-tests` runs the tests of TransformerLens {version}, unit and integration,"
        " that name an\narchitecture for which there is an adapter here: once with TransformerLens'"
        " adapters, and once with\nthose generated here in their place. Models from a hub are out"
        " of reach, so that their tests fail with\nboth. It writes this file; reasons are from"
        " `docs/upstream.yaml`.",
        "",
        f"With its own adapters {len(own.passed)} pass, with ours {len(ours.passed)}. Of those that"
        f" pass with its own {len(lost)} fail with ours, on purpose:",
        "",
    ]
    for entry in known:
        named = [test for test in lost if entry.names(test)]
        lines += [f"## {entry.reason} ({len(named)})", "", *(f"- `{test}`" for test in named), ""]
    return "\n".join(lines)


def main() -> int:
    """Run both, compare, write the page; the exit status."""
    version = importlib.metadata.version("transformer-lens")
    folder = tests_of(version)
    own, ours, known = run_own(folder), run(folder, "ours", folder / "ours.json"), listed()
    wrong = list(complaints(own, ours, known))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if wrong:
        return 1
    PAGE.write_text(page(own, ours, known, version), encoding="utf-8")
    print(f"{len(ours.passed)} of TransformerLens' tests pass, {len(own.passed)} with its own")
    return 0


if __name__ == "__main__":
    sys.exit(main())
