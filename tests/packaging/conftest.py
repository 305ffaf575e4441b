import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

# What a person's shell would not set, and would lead a program back to this checkout.
_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")

Run = Callable[..., subprocess.CompletedProcess[str]]


def call(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a person would; the caller judges its exit status."""
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**inherited, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def succeed(*command: object, cwd: Path, **environment: str) -> str:
    done = call(*command, cwd=cwd, **environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=CHECKOUT)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and its core dependencies only."""
    folder = tmp_path_factory.mktemp("env")
    succeed(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    succeed(
        sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet",
        "--constraint", CHECKOUT / "constraints.txt", wheel, cwd=folder,
    )  # fmt: skip
    return programs
