"""The page of a run, as text and in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adaptergen.verify.page import Card, page, short
from adaptergen.verify.record import CheckResult, Problem, Record, Status
from tests.verify.browser import CHROMIUM, Page, browser
from tests.verify.samples import ALL, GREEN, HOSTILE, RED

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


def test_page_names_nothing_outside_itself() -> None:
    text = page(ALL)
    assert re.findall(r"https?:|//[a-z]|url\(|@import", text) == []
    assert re.findall(r"<(?:link|img|iframe|object|script)\b[^>]*", text) == [
        '<link rel="icon" href="data:,"',
        "<script",
    ]
    assert "default-src 'none'" in text


def test_what_modules_say_is_text() -> None:
    text = page([RED])
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;hacked=1&lt;/script&gt; {{ 7 * 7 }}") >= 3


def test_page_of_an_interrupted_run_says_so() -> None:
    assert "Incomplete" in page([GREEN], complete=False)
    assert "Incomplete" not in page([GREEN])
    assert "Adapter verification" in page([], complete=False)


def test_page_says_which_limits_were_not_judged() -> None:
    assert "does: act=tanh." in page([replace(GREEN, unjudged=("act=tanh",))])
    assert "not judged" not in page(ALL)


def test_page_says_why_there_are_no_mutants() -> None:
    unmutated = replace(RED, mutants=(), unmutated="the adapter itself fails")
    assert "None made: the adapter itself fails." in page([unmutated])
    assert "None made" not in page(ALL)


KNOWN = CheckResult("claims.heads", "claims", Status.KNOWN, "limit: Why. (is off)")
ROUNDED = CheckResult(
    "precision.float16", "precision", Status.PASSED, worst=5e3, tolerance=2.0,
    by_layer=((None, 5e3),), relative=True,
)  # fmt: skip


def test_a_fault_of_several_layers_is_listed_once() -> None:
    faults = tuple(Problem(f"layer {layer} has no norm", layer=layer) for layer in (0, 1, 2, 3))
    failed = CheckResult("claims.norm", "claims", Status.FAILED, problems=faults)
    text = page([replace(GREEN, results=(failed,))])
    assert text.count("has no norm") == 1
    assert "layer 0 (and 1 to 3) has no norm" in text


def test_page_names_known_failures() -> None:
    text = page([replace(GREEN, results=(*GREEN.results, KNOWN))])
    assert "<h3>Known failures</h3>" in text
    assert "<code>claims.heads</code> limit: Why. (is off)" in text
    assert "Known failures" not in page(ALL)


def test_units_of_rounding_are_neither_the_worst_difference_nor_in_the_heat_map() -> None:
    card = Card(replace(GREEN, results=(*GREEN.results, ROUNDED)))
    counts = {what: value for value, what in card.counts}
    assert (counts["worst"], counts["rounding"]) == ("1e-6", "5e+03 x")
    assert "precision.float16" not in [row.result.check for row in card.rows]
    assert card.rounding == [ROUNDED]


def test_heat_map_comes_before_the_problems_and_the_cause_before_its_consequences() -> None:
    text = page([RED])
    places = [text.index(part) for part in ("<h3>Differences", "<h3>What is wrong", "<h3>Layers")]
    assert places == sorted(places)
    assert text.index("<code>hooks.rotation</code>") < text.index("<code>forward.logits</code>")
    assert "1 following from blocks.1.hook_rot_q" in text


def test_page_of_many_begins_with_what_they_share() -> None:
    text = page([RED, replace(RED, spec="mistral"), GREEN])
    assert "hooks.rotation fails in 2 of 3: hook_rot_q differs from HF" in text
    assert text.index("fails in 2 of 3") < text.index('<details class="card')
    assert "fails in" not in page(ALL)


def test_same_records_make_the_same_page() -> None:
    assert page(ALL) == page(ALL)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3.2e-7, "3e-7"), (9.7e-10, "1e-9"), (2.0, "2"), (float("inf"), "∞")],
)
def test_differences_in_few_characters(value: float, text: str) -> None:
    assert short(value) == text


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with browser() as tab:
        yield tab


@pytest.fixture
def opened(shown: Page, tmp_path: Path) -> Page:
    """All samples in a browser window of a desk."""
    path = tmp_path / "report.html"
    path.write_text(page(ALL), encoding="utf-8")
    shown.call("Emulation.clearDeviceMetricsOverride")
    shown.call("Emulation.setEmulatedMedia", features=[])
    shown.open(path)
    return shown


VISIBLE = (
    "[...document.querySelectorAll('.card')].filter(c => c.checkVisibility())"
    ".map(c => c.querySelector('h2').firstChild.textContent.trim())"
)


@needs_chromium
def test_opens_without_complaint_and_loads_nothing_else(opened: Page, tmp_path: Path) -> None:
    opened.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert opened.complaints == []
    loaded = [url for url in opened.requests if not url.startswith("data:")]
    assert loaded == [(tmp_path / "report.html").as_uri()]
    assert opened.run("typeof hacked") == "undefined"
    assert opened.run("document.images.length") == 0


@needs_chromium
def test_search_narrows_the_rows(opened: Page) -> None:
    names = ["llama", "qwen3", "smollm3"]
    assert opened.run(VISIBLE) == names
    # A slash goes to the search, wherever one is.
    opened.type("/LLAMA")
    assert opened.run("document.getElementById('query').value") == "LLAMA"
    assert opened.run(VISIBLE) == ["llama"]
    assert opened.run("document.getElementById('shown').value") == "1 of 3"
    opened.type("zzz")
    assert opened.run(VISIBLE) == []
    assert opened.run("document.getElementById('nothing').checkVisibility()") is True


@needs_chromium
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("hooks.rotation", ["llama"]),
        ("hooks.pattern", ["qwen3"]),
        ("causallm smol", ["smollm3"]),
        ("verified", ["smollm3"]),
        ("num_key_value_heads", ["llama"]),
    ],
)
def test_search_finds_classes_verdicts_and_what_failed(
    opened: Page, query: str, found: list[str]
) -> None:
    opened.type("/" + query)
    assert opened.run(VISIBLE) == found


@needs_chromium
def test_verdicts_narrow_the_rows(opened: Page) -> None:
    click = "document.querySelector('input[value={}]').click()"
    opened.run(click.format("failed"))
    assert opened.run(VISIBLE) == ["llama"]
    opened.run(click.format("all"))
    assert len(opened.run(VISIBLE)) == 3


@needs_chromium
def test_what_is_wrong_is_open_and_what_is_right_is_closed(opened: Page) -> None:
    states = "[...document.querySelectorAll('.card')].map(c => c.open)"
    assert opened.run(states) == [True, True, False]


@needs_chromium
def test_fits_a_phone(opened: Page) -> None:
    opened.call(
        "Emulation.setDeviceMetricsOverride",
        width=390, height=844, deviceScaleFactor=2, mobile=True,
    )  # fmt: skip
    opened.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert opened.run("innerWidth") == 390
    assert opened.run("document.documentElement.scrollWidth") <= 390


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@needs_chromium
def test_follows_the_system_until_told_otherwise(opened: Page) -> None:
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    light = opened.run(BACKGROUND)
    opened.call("Emulation.setEmulatedMedia", features=dark)
    assert opened.run(BACKGROUND) != light
    opened.run("document.getElementById('theme').click()")
    assert opened.run("document.getElementById('theme').innerText") == "Theme: light"
    assert opened.run(BACKGROUND) == light
    opened.run("localStorage.clear()")


# The contrast of each text with the colour behind it, by the formula of WCAG, where it is below
# what that asks for. A canvas knows what colour any notation means.
FAINT = """
(() => {
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const paint = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const behind = [];
    for (let e = element; e; e = e.parentElement) {
      behind.unshift(getComputedStyle(e).backgroundColor);
    }
    behind.unshift("white");
    const back = luminance(paint(behind));
    const text = luminance(paint([...behind, getComputedStyle(element).color]));
    const ratio = (Math.max(back, text) + 0.05) / (Math.min(back, text) + 0.05);
    if (ratio < 4.5) found.add(`${element.className} ${element.innerText} ${ratio.toFixed(2)}`);
  }
  return [...found];
})()
"""


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened: Page, scheme: str) -> None:
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.call("Emulation.setEmulatedMedia", features=media)
    opened.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert opened.run(FAINT) == []


@needs_chromium
def test_a_bad_page_is_noticed(shown: Page, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        "<body><p style='color: #aaa'>faint</p><img src='missing.png'><script>nope()</script>"
    )
    shown.open(path)
    assert len(shown.of("Runtime.exceptionThrown")) == 1
    assert len(shown.complaints) >= 2
    assert [url.rpartition("/")[2] for url in shown.requests] == ["bad.html", "missing.png"]
    assert shown.run(FAINT) == [" faint 2.32"]


@needs_chromium
def test_a_disagreement_is_more_than_a_colour(opened: Page) -> None:
    cells = "[...document.querySelectorAll('.strip .differs')].map(c => c.innerText)"
    assert opened.run(cells) == ["≠RoPE", "≠NoPE", "≠all", "≠8"]
    excessive = "[...document.querySelectorAll('.heat .excessive')].map(c => c.innerText)"
    assert opened.run(excessive) == ["!5", "!∞"]


@needs_chromium
def test_one_record_needs_no_search(shown: Page, tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    path.write_text(page([GREEN]), encoding="utf-8")
    shown.open(path)
    assert shown.run("document.getElementById('find').checkVisibility()") is False
    assert shown.run("document.querySelector('.card').open") is True


@needs_chromium
def test_many_records_are_narrowed_at_once(shown: Page, tmp_path: Path) -> None:
    records: list[Record] = [*ALL * 60]
    path = tmp_path / "many.html"
    path.write_text(page(records), encoding="utf-8")
    shown.open(path)
    shown.type("/qwen3")
    assert len(shown.run(VISIBLE)) == 60
