"""The hooks in the hands of pre-commit itself, on a git repository of their own."""

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import CHECKOUT, call, succeed

# Environments are made for it.
pytestmark = pytest.mark.full

SPEC = """\
architecture: MineForCausalLM
extends: llama
summary: A decoder of our own.
"""
REVISION = "hooks-under-test"
IDENTITY = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")


class Commit(NamedTuple):
    """What `git commit` did and said."""

    accepted: bool
    said: str


class Repository:
    """A user's git repository with specs, and one of our hooks in its configuration."""

    def __init__(self, root: Path, source: Path, cache: Path, hook: str) -> None:
        self.root = root
        self.cache = str(cache)
        self.git("init", "--quiet")
        self.write("pyproject.toml", '[tool.adaptergen]\ntemplates = "templates"\n')
        self.write("templates/README", "")
        self.write("specs/mine.yaml", SPEC)
        self.write(
            ".pre-commit-config.yaml",
            f"repos: [{{repo: '{source}', rev: {REVISION}, hooks: [{{id: {hook}}}]}}]\n",
        )
        succeed(sys.executable, "-m", "adaptergen", "build", cwd=root)
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "A project whose modules are fresh")
        succeed(sys.executable, "-m", "pre_commit", "install", cwd=root, PRE_COMMIT_HOME=self.cache)

    def git(self, *arguments: str) -> str:
        return succeed("git", *IDENTITY, *arguments, cwd=self.root)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def commit(self, *paths: str) -> Commit:
        self.git("add", *paths)
        done = call(
            "git", *IDENTITY, "commit", "-m", "A change", cwd=self.root, PRE_COMMIT_HOME=self.cache
        )
        return Commit(done.returncode == 0, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this checkout as they are now, committed, for pre-commit to clone."""
    folder = tmp_path_factory.mktemp("source")
    listed = succeed(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=CHECKOUT
    )
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, folder / name)
    succeed("git", "init", "--quiet", cwd=folder)
    succeed("git", "add", ".", cwd=folder)
    succeed("git", *IDENTITY, "commit", "--quiet", "-m", "As it is", cwd=folder)
    succeed("git", "tag", REVISION, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environment of the hooks; made once, by the first commit."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def building(tmp_path: Path, source: Path, cache: Path) -> Repository:
    return Repository(tmp_path, source, cache, "adaptergen-build")


@pytest.fixture
def checking(tmp_path: Path, source: Path, cache: Path) -> Repository:
    return Repository(tmp_path, source, cache, "adaptergen-check")


def test_build_regenerates_and_says_what_to_add(building: Repository) -> None:
    building.write("specs/mine.yaml", SPEC.replace("of our own", "that changed"))
    first = building.commit("specs/mine.yaml")
    assert not first.accepted
    assert "wrote generated/mine.py (spec mine changed)" in first.said
    assert "A decoder that changed." in building.read("generated/mine.py")

    (advice,) = [line for line in first.said.splitlines() if "git add" in line]
    second = building.commit(*advice.partition("git add ")[2].split())
    assert second.accepted, second.said
    assert "A decoder that changed." in building.git("show", "HEAD:generated/mine.py")
    assert building.git("status", "--porcelain") == ""


def test_check_fails_and_writes_nothing(checking: Repository) -> None:
    before = checking.read("generated/mine.py")
    checking.write("specs/mine.yaml", SPEC.replace("of our own", "that changed"))
    refused = checking.commit("specs/mine.yaml")
    assert not refused.accepted
    assert "stale: generated/mine.py (spec mine changed)" in refused.said
    assert "adaptergen build" in refused.said
    assert checking.read("generated/mine.py") == before


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("generated/mine.py", "# edited\n", "generated/mine.py (edited by hand"),
        ("templates/docstring.py.j2", '"""Ours."""\n', "generated/mine.py (templates changed)"),
        ("pyproject.toml", '[tool.adaptergen]\noutput = "elsewhere"\n', "elsewhere/mine.py"),
    ],
    ids=["output", "template", "pyproject"],
)
def test_check_fires_on_all_that_counts(
    checking: Repository, path: str, text: str, said: str
) -> None:
    kept = checking.read(path) if path.startswith("generated") else ""
    checking.write(path, kept + text)
    refused = checking.commit(path)
    assert not refused.accepted
    assert said in refused.said


def test_build_leaves_hand_edits_alone(building: Repository) -> None:
    edited = building.read("generated/mine.py") + "# edited\n"
    building.write("generated/mine.py", edited)
    refused = building.commit("generated/mine.py")
    assert not refused.accepted
    assert "edited by hand" in refused.said
    assert building.read("generated/mine.py") == edited


def test_other_files_do_not_fire(building: Repository) -> None:
    building.write("notes.md", "Unrelated.\n")
    accepted = building.commit("notes.md")
    assert accepted.accepted
    assert "no files to check" in accepted.said


def test_environment_has_no_torch(building: Repository, cache: Path) -> None:
    building.write("specs/mine.yaml", SPEC + "notes: [It has a note.]\n")
    building.commit("specs/mine.yaml")
    packages = {path.name for path in cache.glob("*/py_env-*/**/site-packages/*")}
    assert "pydantic" in packages
    assert not packages & {"torch", "transformers", "transformer_lens"}
