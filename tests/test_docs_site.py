"""The documentation site: every page is reached, every link holds, and it builds offline."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.scripts import overview
from tests.links import problems
from tests.pages import DOCS, ROOT, site_pages
from tests.verify.browser import CHROMIUM, browser

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

PAGES = {
    "index.md": "# A\n\n[b](b.md), [own](https://github.com/o/name/blob/main/README.md)\n",
    "b.md": "# B\n\n## Two `words`\n\n[a](index.md), [here](#two-words), `[code](x.md)`\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A project with a site in which nothing is wrong."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[the site](https://o.github.io/name/b/)\n")
    nav = "site_url: https://o.github.io/name/\nnav: [index.md, {More: [b.md]}]\n"
    (tmp_path / "mkdocs.yml").write_text(nav)
    for name, text in PAGES.items():
        (tmp_path / "docs" / name).write_text(text)
    return tmp_path


def test_every_page_is_reached_and_every_link_holds() -> None:
    assert problems(ROOT) == []


def test_a_site_in_which_nothing_is_wrong_is_let_through(site: Path) -> None:
    assert problems(site) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("docs/b.md", "[a](c.md)", "docs/b.md: no such file: c.md"),
        ("docs/b.md", "[a](index.md#c)", "docs/b.md: no such heading: index.md#c"),
        ("docs/b.md", "[a](../README.md)", "docs/b.md: not in the folder of pages: ../README.md"),
        ("docs/b.md", "[a](https://o.github.io/name/c/)", "no such page"),
        ("README.md", "[a](https://github.com/o/name/blob/main/c.md)", "README.md: no such file"),
        ("docs/c.md", "# C\n", "mkdocs.yml: has no place for c.md"),
        ("docs/c.md", "# C\n", "docs/c.md: no link leads here from the index"),
        ("mkdocs.yml", "site_url: https://o.github.io/name/\nnav: [b.md, c.md]", "no such"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_found(site: Path, file: str, text: str, said: str) -> None:
    (site / file).write_text(text)
    assert [problem for problem in problems(site) if said in problem] != []


def test_picture_is_drawn_from_the_files_that_it_shows(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-cases"):
        overview.main()
    assert overview.PICTURE.read_text(encoding="utf-8") == overview.drawn(), "run --update-cases"
    shown = "".join(line for panel in overview.panels(
        (ROOT / overview.SPEC).read_text(), (ROOT / overview.MODULE).read_text(),
        overview.measured(),
    ) for line in panel.lines)  # fmt: skip
    assert "flag: use_rope" in shown
    assert "_is_nope_layer" in shown
    assert "verified: " in shown


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    environment = {**os.environ, "http_proxy": nowhere, "https_proxy": nowhere}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return folder


def test_site_is_built_offline_and_its_pages_ask_for_nothing_elsewhere(built: Path) -> None:
    for page in site_pages():
        address = page.relative_to(DOCS).with_suffix("")
        folder = built / (address.parent if address.name == "index" else address)
        html = (folder / "index.html").read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]* src=.?https?://[^ >]*", html) == []
        assert re.findall(r"<link[^>]*stylesheet[^>]*https?://[^>]*", html) == []


def test_scripts_and_heads_of_pages_are_not_published(built: Path) -> None:
    assert [
        path for ending in ("py", "pyc", "jinja", "head.md") for path in built.rglob(f"*.{ending}")
    ] == []


PHONE, DESK = 400, 1280
# Code in first columns that takes more than one line.
BROKEN = (
    "[...document.querySelectorAll('td:first-child code')]"
    ".filter(c => c.getClientRects().length > 1).map(c => c.textContent)"
)


@needs_chromium
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_pages_are_no_wider_than_the_window_and_names_are_not_broken(
    built: Path, width: int
) -> None:
    with browser() as page:
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width == PHONE,
        )  # fmt: skip
        for name in ("", "architectures", "commands", "reference/attention", "performance"):
            page.open(built / name / "index.html")
            assert page.run("document.scrollingElement.scrollWidth") <= width, name
            assert page.run(BROKEN) == [], name
            elsewhere = [url for url in page.requests if not url.startswith(("file:", "data:"))]
            assert elsewhere == [], name


@needs_chromium
def test_text_of_the_first_picture_can_be_read_on_a_phone(built: Path) -> None:
    with browser() as page:
        page.open(built / "overview.svg")
        size = "parseFloat(getComputedStyle(document.querySelector('text')).fontSize)"
        wide = "document.documentElement.viewBox.baseVal.width"
        assert page.run(f"{size} / {wide}") * (PHONE - 32) > 7


def test_files_that_contributors_are_sent_to_are_there() -> None:
    text = (ROOT / "docs" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"`((?:adaptergen|docs|tests|templates|specs)/[\w./]+)`", text)
    assert len(found) > 5
    assert [path for path in found if not (ROOT / path).exists()] == []
