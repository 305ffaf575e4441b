"""Finds links that lead nowhere, and pages that nothing leads to, without building the site."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.pages import FENCE, site_pages

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
# Files of the repository, as they are linked to from elsewhere.
_OWN = re.compile(r"(?:/blob/main/|raw\.githubusercontent\.com/[^/]+/[^/]+/main/)(?P<path>[^#]+)")


def problems(root: Path) -> list[str]:
    """What is wrong with the links of README and site of a project, and with its contents."""
    config = yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))
    docs = root / "docs"
    pages = {page.relative_to(docs).as_posix(): page for page in site_pages(docs)}
    contents = set(_contents(config["nav"]))
    found = [f"mkdocs.yml: no such page: {name}" for name in sorted(contents - pages.keys())]
    found += [f"mkdocs.yml: has no place for {name}" for name in sorted(pages.keys() - contents)]
    for page in (root / "README.md", *pages.values()):
        shown = page.relative_to(root).as_posix()
        for link in links(page):
            if wrong := _wrong(link, page, root, config["site_url"]):
                found.append(f"{shown}: {wrong}: {link}")
    unreached = sorted(pages.keys() - _reached("index.md", docs, pages.keys()))
    return found + [f"docs/{name}: no link leads here from the index" for name in unreached]


def links(page: Path) -> list[str]:
    """What a page links to, outside of code."""
    text = _CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    return _LINK.findall(text)


def _contents(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        if not re.match(r"\w+:", nav):
            yield nav
    else:
        for inner in nav.values() if isinstance(nav, dict) else nav:
            yield from _contents(inner)


def _wrong(link: str, page: Path, root: Path, site: str) -> str:
    """What is wrong with a link; nothing if it is of another site."""
    if link.startswith(site):
        name = link.removeprefix(site).partition("#")[0].strip("/") or "index"
        places = (root / "docs" / f"{name}.md", root / "docs" / name / "index.md")
        return "" if any(place.is_file() for place in places) else "no such page"
    if own := _OWN.search(link) if site.split("/")[-2] in link else None:
        return "" if (root / own["path"]).exists() else "no such file"
    if re.match(r"\w+:", link):
        return ""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_file():
        return "no such file"
    if not target.is_relative_to(root / "docs"):
        return "not in the folder of pages"
    return "no such heading" if anchor and anchor not in _anchors(target) else ""


def _anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


def _reached(start: str, docs: Path, pages: Any) -> set[str]:
    """The pages that links lead to from one of them."""
    reached, left = set(), [start]
    while left:
        name = left.pop()
        if name in reached or name not in pages:
            continue
        reached.add(name)
        for link in links(docs / name):
            target = (docs / name).parent / link.partition("#")[0]
            if target.resolve().is_relative_to(docs.resolve()):
                left.append(target.resolve().relative_to(docs.resolve()).as_posix())
    return reached
