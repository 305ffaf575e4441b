"""Tutorial and guides: whoever follows them sees what they show."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guides import Guide
from tests.pages import DOCS, FENCE, steady

# Pages that are followed, and what a reader has before beginning.
FOLLOWED = {
    "tutorial.md": ("quill",),
    "guides/nnterp.md": (),
    "guides/notebook.md": ("copycat",),
    "guides/package.md": (),
    "guides/project.md": (),
    "guides/waivers.md": (),
}
PICTURE = re.compile(r"!\[[^\]]*\]\(([\w.-]+)\)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a reader works; modules of it are forgotten afterwards."""
    found = tmp_path.resolve()
    # `verify` adds the project to it, too.
    monkeypatch.setattr(sys, "path", [str(found), *sys.path])
    monkeypatch.setenv("MPLBACKEND", "agg")
    before = {*sys.modules}
    yield found
    for name in {*sys.modules} - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(found)):
            del sys.modules[name]


@pytest.mark.full
@pytest.mark.parametrize("name", FOLLOWED)
def test_who_follows_a_page_sees_what_it_shows(
    name: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    import torch

    from tests.registration import restored_factory

    page = DOCS / name
    text = page.read_text(encoding="utf-8")
    if "matplotlib" in text:
        pytest.importorskip("matplotlib")
    for given in FOLLOWED[name]:
        shutil.copytree(DOCS / given, folder / given)
    # What a page sets for its process ends with it.
    with restored_factory(), torch.enable_grad():
        followed = Guide(folder).followed(text)
    pictures = PICTURE.findall(text)
    assert [picture for picture in pictures if not (folder / picture).is_file()] == []
    if request.config.getoption("--update-cases") and steady(followed) != steady(text):
        page.write_text(followed, encoding="utf-8")
        for picture in pictures:
            shutil.copy(folder / picture, page.parent)
    assert steady(followed) == steady(text), "run pytest --update-cases and read the page again"


def test_a_page_that_shows_something_else_is_noticed(folder: Path) -> None:
    page = (
        '```yaml title="specs/a.yaml"\narchitecture: AForCausalLM\nextends: llama\n'
        "summary: A.\n```\n"
        "```console\n$ adaptergen build --quiet\n$ adaptergen list\nnothing\n```\n"
        '```python\nprint(1 + 1)\n```\n```text title="output"\n3\n```\n```sh\nrm -r specs\n```\n'
    )
    followed = Guide(folder).followed(page)
    assert (folder / "generated" / "a.py").is_file()
    assert (folder / "specs").is_dir()
    assert "nothing" not in followed
    assert "AForCausalLM" in followed.partition("adaptergen list\n")[2]
    assert '```text title="output"\n2\n```' in followed
    assert Guide(folder).followed(followed) == followed


def test_a_page_runs_no_command_but_adaptergen(folder: Path) -> None:
    with pytest.raises(ValueError, match="only adaptergen is run here"):
        Guide(folder).followed("```console\n$ rm -r specs\n```\n")


def test_every_page_with_something_to_follow_is_followed() -> None:
    pages = {
        path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*.md")
        if any(block["info"] == "console" for block in FENCE.finditer(path.read_text()))
    }
    # The example of the escape hatch has tests of its own.
    assert pages - {"escape-hatch.md"} <= FOLLOWED.keys()


def test_notebook_is_its_page(request: pytest.FixtureRequest) -> None:
    from docs.scripts import notebook as script

    if request.config.getoption("--update-cases"):
        script.main()
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.NOTEBOOK.read_text(encoding="utf-8") == script.written(page)
    cells = json.loads(script.written(page))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    shown = [block["body"] for block in FENCE.finditer(page) if block["info"] == "python"]
    assert [text.strip() for text in shown] == [text.strip() for text in code]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert "../" not in "".join(text for cell in cells for text in cell["source"])


@pytest.mark.full
def test_checkpoint_of_the_notebook_is_trained_by_its_script() -> None:
    import torch

    from docs.scripts import copycat as script

    with torch.enable_grad():
        model = script.train(200)
    texts = script.texts(64)
    assert script.loss(model, texts) < 0.1
    # It has to look back: from letters in another order it knows nothing.
    shuffled = texts[:, torch.cat((torch.tensor([0]), 1 + torch.randperm(24)))]
    assert script.loss(model, shuffled) > 2
