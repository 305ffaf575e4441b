"""Formatting of a batch with ruff."""

import subprocess

import pytest

from adaptergen.errors import Failure
from adaptergen.targets import formatting
from adaptergen.targets.formatting import format_all


def test_each_text_is_formatted_under_its_own_path() -> None:
    texts = {"a/x.py": "x = {'a':1}\n", "a/y.py": "def f( ): return 1\n"}
    assert format_all(texts) == {
        "a/x.py": 'x = {"a": 1}\n',
        "a/y.py": "def f():\n    return 1\n",
    }


def test_nothing_is_formatted_without_a_process(monkeypatch) -> None:
    monkeypatch.setattr(formatting.subprocess, "run", None)
    assert format_all({}) == {}


def test_every_text_that_is_not_python_is_named_with_its_line() -> None:
    with pytest.raises(Failure) as failure:
        format_all({"a/x.py": "ok = 1\nx = (\n", "a/y.py": "def f(:\n", "a/z.py": "z = 1\n"})
    assert [(d.file, d.line, d.source) for d in failure.value.diagnostics] == [
        ("a/x.py", 3, ""),
        ("a/y.py", 1, "def f(:"),
    ]


def test_ruff_that_fails_otherwise_is_quoted(monkeypatch) -> None:
    done = subprocess.CompletedProcess([], 2, "", "ruff failed\n  Cause: no space left\n")
    monkeypatch.setattr(formatting.subprocess, "run", lambda *a, **k: done)
    with pytest.raises(Failure, match="ruff: ruff failed"):
        format_all({"x.py": ""})
