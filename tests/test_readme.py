"""What README and the pages of the site show is what commands print and files hold."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from adaptergen.cli import main, parser
from tests.pages import FENCE, MARKED, README, ROOT, refreshed, site_pages

COMMAND = re.compile(r"(?:^(?:\$ | *- run: )?|`)(adaptergen [a-z][^`\n]*)", re.MULTILINE)
MAKE = re.compile(r"^make (\w+)$", re.MULTILINE)


@pytest.fixture
def output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    monkeypatch.chdir(ROOT)

    def run(command: str) -> str:
        main(shlex.split(command)[1:])
        captured = capsys.readouterr()
        return captured.out or captured.err

    return run


def marked() -> list[Path]:
    return [page for page in (README, *site_pages()) if MARKED.search(page.read_text())]


@pytest.mark.parametrize("page", marked(), ids=lambda page: page.stem)
def test_examples_and_tables_are_fresh(page: Path, output, request) -> None:
    text = page.read_text(encoding="utf-8")
    fresh = refreshed(text, output)
    if request.config.getoption("--update-cases"):
        page.write_text(fresh, encoding="utf-8")
    assert fresh == text, "run pytest --update-cases and look at the difference"


def test_what_varies_is_left_as_it_was_measured_and_all_else_is_renewed() -> None:
    said = "```\n$ adaptergen x\nworst 1.0e-06 {}\n```\n"
    page = f"a\n<!-- output: adaptergen x -->\n{said}<!-- end -->\n"
    assert refreshed(page.format("ok"), lambda _: "worst 2.0e-07 ok\n") == page.format("ok")
    renewed = refreshed(page.format("failed"), lambda _: "worst 2.0e-07 ok\n")
    assert renewed == page.format("ok").replace("1.0e-06", "2.0e-07")


def test_readme_is_read_in_a_few_minutes_and_stands_alone() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
    assert len(re.findall(r"!\[[^\]]+\]\(", text)) == 1


def test_commands_of_readme_for_make_are_its_targets() -> None:
    named = MAKE.findall(README.read_text(encoding="utf-8"))
    assert named == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def commands(page: str) -> list[str]:
    """What a page tells to run, in code and between the words."""
    blocks = [block for block in FENCE.finditer(page) if "adaptergen" in block["body"]]
    shown = [block["body"] for block in blocks if block["info"] in ("", "console", "sh", "yaml")]
    inline = re.findall(r"`adaptergen [^`]*`", FENCE.sub("", page))
    found = [command for text in (*shown, *inline) for command in COMMAND.findall(text)]
    return [command.partition("  #")[0] for command in found]


def is_known(command: str) -> bool:
    """Whether the command line takes it; a verb alone may stand for whatever it is given."""
    arguments = shlex.split(command)[1:]
    try:
        parser().parse_args(arguments if len(arguments) > 1 else [*arguments, "--help"])
    except SystemExit as end:
        return end.code == 0
    return True


@pytest.mark.parametrize("page", [README, *site_pages()], ids=lambda page: page.stem)
def test_command_line_knows_each_command_that_a_page_tells_to_run(page: Path) -> None:
    unknown = [c for c in commands(page.read_text(encoding="utf-8")) if not is_known(c)]
    assert unknown == []


def test_command_that_a_page_has_wrong_is_noticed() -> None:
    page = "`adaptergen build --chek`\n```yaml\n- run: adaptergen verfy\n```\n"
    assert commands(page) == ["adaptergen verfy", "adaptergen build --chek"]
    assert [is_known(command) for command in commands(page)] == [False, False]
    assert is_known("adaptergen build --check")


@pytest.mark.parametrize("page", [README, *site_pages()], ids=lambda page: page.stem)
def test_revision_for_pre_commit_is_a_commit_that_has_the_hook(page: Path) -> None:
    for block in FENCE.finditer(page.read_text(encoding="utf-8")):
        if "rev:" not in block["body"] or not block["info"].startswith("yaml"):
            continue
        (repository,) = yaml.safe_load(block["body"])["repos"]
        file = f"{repository['rev']}:.pre-commit-hooks.yaml"
        told = subprocess.run(["git", "show", file], cwd=ROOT, capture_output=True, text=True)
        if not (ROOT / ".git").exists():
            pytest.skip("not a checkout")
        assert told.returncode == 0, f"no such commit: {repository['rev']}"
        known = {hook["id"] for hook in yaml.safe_load(told.stdout)}
        assert {hook["id"] for hook in repository["hooks"]} <= known
