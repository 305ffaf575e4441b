"""What is said of the project is so wherever it is said."""

import re
import tomllib
from pathlib import Path

import yaml

from adaptergen import __version__
from adaptergen.arguments import parser

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_citation_names_this_version_and_its_authors() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["url"] == PROJECT["urls"]["Documentation"]
    assert citation["title"].endswith(PROJECT["description"])


def test_licence_is_the_one_named_by_its_authors() -> None:
    (file,) = PROJECT["license-files"]
    text = (ROOT / file).read_text(encoding="utf-8")
    (author,) = PROJECT["authors"]
    assert text.startswith(f"{PROJECT['license']} License")
    assert author["name"] in text


def test_changelog_has_a_place_for_what_is_new_and_a_link_for_each_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert [name for name in versions if f"\n[{name}]: https://" not in text] == []
    # A section of a kind that Keep a Changelog has not is found by nobody.
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_classifiers_name_the_versions_of_python_that_are_said_to_work() -> None:
    versions = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {versions[0]} to {versions[-1]}" in readme


def test_every_verb_is_on_the_page_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    help_ = parser().format_help().partition("verbs:")[2]
    verbs = re.findall(r"^ {4}(\w+) ", help_, re.MULTILINE)
    assert len(verbs) >= 9
    assert [verb for verb in verbs if f"adaptergen {verb}" not in text] == []


def test_help_leads_to_the_documentation() -> None:
    assert PROJECT["urls"]["Documentation"] in parser().format_help()


def test_make_installs_the_formatter_that_committed_modules_are_stamped_with() -> None:
    # Another one would make all of them stale in a fresh clone.
    (stamp,) = re.findall(
        r"^# formatter (\w+) (.*)$", (ROOT / "generated" / "llama.py").read_text(), re.MULTILINE
    )
    assert "==".join(stamp) in (ROOT / "constraints.txt").read_text().split()
