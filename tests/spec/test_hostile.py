"""Specs that somebody damaged, or wrote to do damage: they are refused in words, or build."""

import ast
import random
from pathlib import Path

import pytest

from adaptergen.errors import Failure
from adaptergen.language.files import spec_files
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.targets.transformer_lens.render import Renderer

SPECS = [Path(path).read_text(encoding="utf-8") for path in spec_files(bundled("specs"))]
RENDERER = Renderer([bundled("templates")])
WORDS = (
    "null", "~", "[]", "{}", "''", "[[", "}}", ": ", "- ", "\t", "\n", "  ", "#", "&a ", "*a",
    "!!int ", "no", "010", "1e999", "-1", "9" * 50, ".inf", "x" * 3000, "a.b.c", "../../etc",
    "__class__", "{{ 7 }}", "{% raw %}", '"""', "\\", "\u202e", "\x00", "\ud7ff", "é", "🙂",
    "import os", "not x", "kind: rms", "kind: delegated", "kind: opaque", "topology: post",
    "layers: all", "super", "extends: llama", "{flag: use_rope}", "None", "self", "torch", "Any",
    "{when: a, block: {topology: pre, ln1: a, ln2: b}}", "pkg:None", "pkg:super", "pkg:torch",
    "a.b:C", "hatch: {reason: x, mlp: 'a:b'}",
)  # fmt: skip
FEW, MANY = 150, 10_000


def damaged(text: str, chance: random.Random) -> str:
    """A spec with a few of its lines, words and characters lost, moved, doubled or replaced."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        lines = text.split("\n")
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 1, 5, 40)))
        kind = chance.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 2:
            lines.insert(at, lines[other])
        elif kind == 3:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {chance.choice(WORDS)}"
        elif kind == 4:
            indent = len(lines[at]) - len(lines[at].lstrip())
            lines[at] = " " * max(0, indent + chance.choice((-2, 2))) + lines[at].lstrip()
        text = "\n".join(lines) if kind < 5 else text[:start] + chance.choice(WORDS) + text[end:]
        text = text or "\n"
    return text


def judged(text: str, path: Path) -> str:
    """How it ends: refused with a place in words, or built."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        module = RENDERER.adapter(Loader([bundled("specs")]).load(str(path)).spec)
    except Failure as error:
        said = [mistake.message for mistake in error.diagnostics]
        return "refused" if all(said) and said else "refused without a word"
    ast.parse(module)
    return "built"


def outcomes(path: Path, seeds: range) -> set[str]:
    found = set()
    for seed in seeds:
        chance = random.Random(seed)
        text = damaged(chance.choice(SPECS), chance)
        try:
            found.add(judged(text, path))
        except Exception as error:
            raise AssertionError(f"seed {seed} is neither refused nor built:\n{text}") from error
    return found


def test_damaged_spec_is_refused_in_words_or_builds(tmp_path: Path) -> None:
    assert outcomes(tmp_path / "damaged.yaml", range(FEW)) == {"built", "refused"}


@pytest.mark.full
@pytest.mark.exhaustive
def test_ten_thousand_damaged_specs_are_refused_in_words_or_build(tmp_path: Path) -> None:
    assert outcomes(tmp_path / "damaged.yaml", range(FEW, FEW + MANY)) == {"built", "refused"}


def test_what_is_neither_refused_nor_built_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> str:
        raise KeyError("crashed")

    monkeypatch.setattr(RENDERER, "adapter", crash)
    with pytest.raises(AssertionError, match="neither refused nor built"):
        outcomes(tmp_path / "damaged.yaml", range(FEW))
