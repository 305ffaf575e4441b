"""Formats rendered modules with ruff, all of a batch in one process."""

import os
import re
import subprocess
import tempfile

from adaptergen.errors import Diagnostic, Failure


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
            [*command, "."], cwd=folder, capture_output=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise Failure(_diagnose(texts, line) for line in done.stderr.splitlines())
        return {name: _read(os.path.join(folder, name)) for name in texts}


def _diagnose(texts: dict[str, str], error: str) -> Diagnostic:
    """One line of ruff's, at the line of the rendered text."""
    match = re.fullmatch(r"error: Failed to parse (\S+):(\d+):(\d+): (.*)", error)
    if not match:
        return Diagnostic("ruff", 0, 0, error)
    name, line, column, problem = match[1], int(match[2]), int(match[3]), match[4]
    lines = texts[name].split("\n")
    source = lines[line - 1] if line <= len(lines) else ""
    return Diagnostic(name, line, column, f"the templates render no Python: {problem}", "", source)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()
