"""Pages of documentation, and the parts of them that are derived from something else."""

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
MARKED = re.compile(
    r"<!-- (?P<kind>file|output): (?P<what>.*?) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL
)
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
# What differs from machine to machine, and hashes, which differ with each commit.
VARYING = re.compile(r"\d\.\de[-+]\d\d|\b\d+(\.\d+)? s\b|\b[0-9a-f]{32}\b")


def site_pages(docs: Path = DOCS) -> list[Path]:
    """The pages of the site; the heads of measured pages are no pages."""
    return sorted(path for path in docs.rglob("*.md") if not path.name.endswith(".head.md"))


def steady(text: str) -> str:
    """A text without what varies."""
    return VARYING.sub("N", text)


def refreshed(text: str, output: Callable[[str], str]) -> str:
    """A page with each marked part as it is now, where more than what varies has changed."""

    def fresh(block: re.Match[str]) -> str:
        body = derived(block["kind"], block["what"], output)
        if steady(body) == steady(block["body"]):
            return block[0]
        return f"<!-- {block['kind']}: {block['what']} -->\n{body}<!-- end -->"

    return MARKED.sub(fresh, text)


def derived(kind: str, what: str, output: Callable[[str], str]) -> str:
    """The text that belongs under a marker: of a file, or a class in it, or what a command says."""
    if kind == "file":
        name, _, part = what.partition(", ")
        text = (ROOT / name).read_text(encoding="utf-8")
        if part:
            start = text.index(f"class {part}(")
            text = text[start:].partition("\n\n\n")[0].rstrip() + "\n"
        language = {".yaml": "yaml", ".py": "python"}.get(Path(name).suffix, "")
        return f"```{language}\n{text}```\n"
    text = output(what)
    return text if text.startswith("|") else f"```\n$ {what}\n{text}```\n"
