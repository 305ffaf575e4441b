"""Writes docs/reference/: the pages of the spec language, derived from its models and the specs."""

from adaptergen.reference.markdown import pages
from adaptergen.spec.usage import Usage
from docs.scripts import DOCS
from docs.scripts.bundled import specs

FOLDER = DOCS / "reference"


def main() -> None:
    """Write the pages, and remove those of keys that are no more."""
    texts = pages(Usage(specs()))
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
