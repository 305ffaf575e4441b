"""The pages of the spec language say what its models and the specs say."""

import re

import pytest

from adaptergen.reference.checks import checks
from adaptergen.reference.markdown import INDEX, pages
from adaptergen.spec.reference import entries
from adaptergen.spec.usage import Usage
from docs.scripts import DOCS, reference

FOLDER = DOCS / "reference"
# A page that others write beside these.
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
LINK = re.compile(r"\]\((?P<page>[a-z_]+\.md)?(?:#(?P<anchor>[^)]*))?\)")


@pytest.fixture(scope="module")
def derived() -> dict[str, str]:
    return pages(Usage(reference.specs()))


def test_pages_are_fresh(derived) -> None:
    assert derived == TEXTS, "run `make reference`"


def headings(text: str) -> list[str]:
    found = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return [re.sub(r"[^\w\s-]", "", title).lower().replace(" ", "-") for title in found]


def test_every_key_has_one_section_and_every_link_leads_to_one(derived) -> None:
    anchors = {name: headings(text) for name, text in derived.items()}
    for name, found in anchors.items():
        assert len(found) == len(set(found)), name
    # Kinds and checks have one each beside keys, and so have the index and the page of checks.
    kinds = sum(len(entry.values) for entry in entries() if entry.tag and "." not in entry.path)
    groups = sum(text.count("\n## Keys of ") for text in derived.values())
    proven = len(checks()) + len({check.group for check in checks()})
    assert sum(map(len, anchors.values())) == len(entries()) + kinds + groups + proven + 2
    for name, text in derived.items():
        for link in LINK.finditer(text):
            page = link["page"] or name
            assert page in anchors
            assert not link["anchor"] or link["anchor"] in anchors[page], (name, link[0])


def test_every_page_is_reached_from_the_index(derived) -> None:
    reached = {link["page"] for link in LINK.finditer(derived[INDEX]) if link["page"]}
    assert reached == derived.keys() - {INDEX}


def test_check_links_to_the_claim_that_it_proves(derived) -> None:
    section = derived["checks.md"].partition("### `claims.rope.layers`")[2]
    assert "[`attention.rope.layers`](attention.md#attentionropelayers)" in section


def test_key_of_one_kind_stands_under_that_kind(derived) -> None:
    lines = derived["mlp.md"].splitlines()
    kind, key = lines.index("## `kind: moe`"), lines.index("### `mlp.router`")
    following = next(n for n in range(kind + 1, len(lines)) if lines[n].startswith("## "))
    assert kind < key < following
