"""Every mistake a user can make, and exactly what they are told.

A case is a folder of `tests/cases/errors`: a project, the `command` (without one, `build`), and
what has to come out: `stdout`, `stderr` (no file: nothing) and `status` (no file: 1).
`pytest --update-cases` writes these from what is printed now; their diff is what to review.
"""

import shlex
import shutil
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases" / "errors"
GOLDEN = ("command", "stdout", "stderr", "status")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def golden(case: Path, name: str, default: str) -> str:
    path = case / name
    return path.read_text(encoding="utf-8") if path.exists() else default


def update(case: Path, name: str, text: str, default: str) -> None:
    if text == default:
        (case / name).unlink(missing_ok=True)
    else:
        (case / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_the_mistake_is_reported_and_nothing_is_written(
    case: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    project = tmp_path / "project"
    shutil.copytree(case, project, symlinks=True, ignore=shutil.ignore_patterns(*GOLDEN))
    monkeypatch.chdir(project)
    before = files_of(project)
    arguments = shlex.split(golden(case, "command", "build"))
    outcome = run(*arguments)

    if request.config.getoption("--update-cases"):
        update(case, "stdout", outcome.out, "")
        update(case, "stderr", outcome.err, "")
        update(case, "status", f"{outcome.status}\n", "1\n")
    assert outcome.err == golden(case, "stderr", "")
    assert outcome.out == golden(case, "stdout", "")
    assert f"{outcome.status}\n" == golden(case, "status", "1\n")
    assert outcome.out + outcome.err
    assert files_of(project) == before
