"""Runs the command line in-process, in a project of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from adaptergen.cli import main
from tests.building import OTHER, TINY


class Outcome(NamedTuple):
    """What a run of the command line left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases",
        action="store_true",
        help="write what tests/cases prints now into its golden files; then review the diff",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under `--dist loadgroup`, tests of a file run in one process: they share what they build.

    Those that share nothing and take long run wherever there is time.
    """
    for item in items:
        if not (item.get_closest_marker("full") or item.get_closest_marker("alone")):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is also the working directory."""
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `adaptergen` with the arguments given."""

    def run_main(*arguments: str) -> Outcome:
        status = main(arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run_main


@pytest.fixture
def built(project: Path, run: Run) -> Path:
    """A project of two specs, one extending the other, with its modules built."""
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "specs" / "other.yaml").write_text(OTHER)
    assert run("build").status == 0
    return project
