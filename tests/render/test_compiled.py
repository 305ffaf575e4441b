"""Compiled templates are kept for the next build, and are never other than their text."""

import os
from pathlib import Path

import jinja2
import pytest

from adaptergen.targets.transformer_lens.compiled import Compiled
from adaptergen.targets.transformer_lens.render import Renderer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of templates, with an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "registry.py.j2").write_text("one\n")
    return tmp_path / "templates"


def compiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of templates that are compiled from now on."""
    names: list[str] = []
    actual = jinja2.Environment.compile

    def count(self: jinja2.Environment, source: str, name: str = "", *more: object) -> object:
        names.append(name)
        return actual(self, source, name, *more)

    monkeypatch.setattr(jinja2.Environment, "compile", count)
    return names


def test_template_is_compiled_once_for_many_builds(folder: Path, monkeypatch) -> None:
    names = compiles(monkeypatch)
    assert [Renderer([str(folder)]).registry([]) for _ in range(3)] == ["one\n"] * 3
    assert names == ["registry.py.j2"]


def test_changed_template_is_compiled_again_even_if_its_time_stays(
    folder: Path, monkeypatch
) -> None:
    template = folder / "registry.py.j2"
    os.utime(template, (1, 1))
    assert Renderer([str(folder)]).registry([]) == "one\n"
    template.write_text("two\n")
    os.utime(template, (1, 1))
    assert Renderer([str(folder)]).registry([]) == "two\n"


@pytest.mark.parametrize("option", ["trim_blocks", "lstrip_blocks", "keep_trailing_newline"])
def test_templates_read_otherwise_are_kept_elsewhere(folder: Path, option: str) -> None:
    plain, other = jinja2.Environment(), jinja2.Environment(**{option: True})
    assert Compiled(plain).directory != Compiled(other).directory
    assert Compiled(plain).directory == Compiled(jinja2.Environment()).directory


def test_another_version_of_jinja_keeps_its_own(folder: Path, monkeypatch) -> None:
    before = Compiled(jinja2.Environment()).directory
    monkeypatch.setattr(jinja2, "__version__", "3.0")
    assert Compiled(jinja2.Environment()).directory != before


def test_damaged_and_missing_caches_are_passed_over(folder: Path, monkeypatch) -> None:
    Renderer([str(folder)]).registry([])
    (kept,) = [path for path in (folder.parent / "caches").rglob("*") if path.is_file()]
    kept.write_bytes(b"x" * 9)
    assert Renderer([str(folder)]).registry([]) == "one\n"
    (folder.parent / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "file"))
    assert Renderer([str(folder)]).registry([]) == "one\n"
