"""Formats rendered modules with ruff, all of a batch in one process."""

import os
import subprocess
import tempfile

from adaptergen.errors import failure


def format_all(texts: dict[str, str]) -> dict[str, str]:
    """Each text formatted; keys are file names without folders.

    Raises:
        Failure: if a text is not valid Python; ruff's message says where.
    """
    if not texts:
        return {}
    from ruff import find_ruff_bin

    with tempfile.TemporaryDirectory(prefix="adaptergen-") as folder:
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        command = [find_ruff_bin(), "format", "--isolated", "--no-cache", "--line-length", "100"]
        done = subprocess.run(
            [*command, "--quiet", "."], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise failure("templates", f"rendered code is not valid Python: {done.stderr.strip()}")
        return {name: _read(os.path.join(folder, name)) for name in texts}


def _read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()
