"""Formats rendered modules with ruff, all of a batch in one process."""

import os
import re
import subprocess

from adaptergen.errors import Diagnostic, Failure, Unusable
from adaptergen.installed import formatter_version
from adaptergen.temporary import temporary_folder

_OTHER_VERSION = re.compile(r"Required version `==(.*)` does not match the running version `(.*)`")


def format_all(texts: dict[str, str]) -> dict[str, str]:
    """Each text formatted; keys are paths, and their file names differ.

    Raises:
        Failure: if a text is not valid Python; ruff's message says where.
        Unusable: if the ruff that runs is not the one that is installed.
    """
    if not texts:
        return {}
    from ruff import find_ruff_bin

    with temporary_folder() as folder:
        staged = {path: os.path.join(folder, os.path.basename(path)) for path in texts}
        for path, text in texts.items():
            with open(staged[path], "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        command = [find_ruff_bin(), "format", "--isolated", "--no-cache", "--line-length", "100"]
        # Headers name a version: no other one may do the work.
        only = f'required-version = "=={formatter_version()}"'
        done = subprocess.run(
            [*command, "--config", only, "."],
            cwd=folder, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        if done.returncode and (other := _OTHER_VERSION.search(done.stderr)):
            raise Unusable(f"the program {command[0]} is {other[2]}, the package ruff {other[1]}",
                           "install ruff anew")  # fmt: skip
        if done.returncode:
            raise Failure(_diagnose(texts, line) for line in done.stderr.splitlines())
        return {path: _read(file) for path, file in staged.items()}


def _diagnose(texts: dict[str, str], error: str) -> Diagnostic:
    """One line of ruff's, at the line of the rendered text."""
    match = re.fullmatch(r"error: Failed to parse (\S+):(\d+):(\d+): (.*)", error)
    if not match:
        return Diagnostic("ruff", 0, 0, error)
    path = next(path for path in texts if os.path.basename(path) == match[1])
    line, column = int(match[2]), int(match[3])
    source = [*texts[path].split("\n"), ""][line - 1]
    message = f"not Python, as the templates render it: {match[4]}"
    return Diagnostic(path, line, column, message, "", source)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()
