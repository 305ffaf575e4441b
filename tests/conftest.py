"""Runs the command line in-process, in a project of its own."""

import gc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adaptergen.cli import main
from tests.building import OTHER, TINY


class Outcome(NamedTuple):
    """What a run of the command line left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]

# Files whose tests take long and share nothing: each runs wherever there is time for it.
SPREAD = (
    "tests/infer/test_variants.py",
    "tests/verify/test_delegated.py",
    "tests/verify/test_green.py",
)


def rarely(cases: Iterable[Any], few: int, mark: pytest.MarkDecorator) -> list[Any]:
    """The first few cases as they are, and the others with a mark."""
    return [
        pytest.param(case, marks=mark) if number >= few else case
        for number, case in enumerate(cases)
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases",
        action="store_true",
        help="write what tests/cases prints now into its golden files; then review the diff",
    )
    parser.addoption(
        "--seeds",
        type=_seeds,
        default=range(50),
        metavar="FIRST-LAST",
        help="models drawn at random that are inferred, of each style; 0-49 if not given",
    )


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under `--dist loadfile`, tests of a file run in one process, but for those of SPREAD."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return nodeid if file in SPREAD else file

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Without looking for garbage among all that is imported, and seldom afterwards."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000)


@pytest.fixture(autouse=True, scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Builds note what they found in a cache folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


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
