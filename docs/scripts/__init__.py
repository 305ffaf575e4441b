"""Scripts that write pages of the site: run from the checkout as `python -m docs.scripts.NAME`."""

from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
