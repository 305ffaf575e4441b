"""Other versions of libraries, in folders that go before those of this environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_FOLDERS = ROOT / ".environments"
# The versions that adapters are verified with beside those that are installed: folder and contents.
VERSIONS = {
    "transformers 5.9": (
        "transformers-5.9",
        ("transformers==5.9.0", "tokenizers==0.22.2", "huggingface-hub==1.33.0"),
    ),
    "transformers 5.23": ("transformers-5.23", ("transformers==5.23.0",)),
    # With SAELens, which asks for it.
    "TransformerLens 3.9": (
        "saelens",
        (
            "sae-lens==6.54.12",
            "transformer-lens==3.9.0",
            "better-abc",
            "docstring-parser",
            "python-dotenv",
            "simple-parsing",
        ),
    ),
}


def overlay(name: str, *requirements: str) -> Path:
    """A folder with these distributions and none that they need; made once, and again if changed.

    The test is skipped where pip cannot fetch them.
    """
    folder, wanted = _FOLDERS / name, "\n".join(requirements)
    made = folder / "requirements.txt"
    if made.exists() and made.read_text(encoding="utf-8") == wanted:
        return folder
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade")
    command = [*pip, "--target", str(folder), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot fetch {', '.join(requirements)}: {done.stderr.splitlines()[-1]}")
    made.write_text(wanted, encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, with the folder's distributions before others."""
    paths = os.pathsep.join((str(folder), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
