"""Specs of a small project to build, and what its files hold."""

from pathlib import Path

from adaptergen.project import bundled

ROOT = Path(bundled("specs")).parent
TINY = "architecture: TinyForCausalLM\nextends: llama\nsummary: A tiny decoder.\n"
OTHER = "architecture: OtherForCausalLM\nextends: tiny\nsummary: Another decoder.\n"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
