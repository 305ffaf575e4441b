"""Runs what a page of documentation shows: its files are written, its commands and Python run.

- A block with a title, as in ```yaml title="specs/quill.yaml"```, is a file.
- In a ```console``` block, lines after `$` are commands, and the others what they print.
- A ```python``` block is run with what earlier ones have defined; a block of text with the title
  `output` behind it holds what it prints.

Other blocks, such as ```sh```, are for reading: they install things or need a network.
"""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adaptergen.cli import main
from adaptergen.project import bundled
from tests.pages import FENCE, MARKED

_TITLE = re.compile(r'title="([^"]+)"')
_OUTPUT = "output"


class Guide:
    """A page that is followed in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._defined: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""

    def followed(self, text: str) -> str:
        """The page with what its commands and Python print now; derived parts are left alone."""
        kept = [(found.start(), found.end()) for found in MARKED.finditer(text)]

        def renewed(block: re.Match[str]) -> str:
            if any(start <= block.start() < end for start, end in kept):
                return block[0]
            body = self._body(block["info"], block["body"])
            return f"```{block['info']}\n{body}```"

        return FENCE.sub(renewed, text)

    def _body(self, info: str, body: str) -> str:
        language, title = info.split(" ")[0], _TITLE.search(info)
        if title and title[1] == _OUTPUT:
            return self._printed
        if title:
            path = self.folder / title[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
        elif language == "python":
            # On stderr are warnings of libraries, and bars that show progress.
            with self._heard(io.StringIO()) as heard:
                exec(compile(body, "<page>", "exec"), self._defined)
            self._printed = self._shown(heard.getvalue())
        elif language == "console":
            return "".join(self._run(line) for line in body.splitlines() if line.startswith("$ "))
        return body

    def _run(self, line: str) -> str:
        program, *arguments = shlex.split(line.removeprefix("$ "))
        if program != "adaptergen":
            raise ValueError(f"only adaptergen is run here: {line}")
        with self._heard() as heard:
            main(arguments)
        return f"{line}\n{self._shown(heard.getvalue())}"

    @contextlib.contextmanager
    def _heard(self, errors: io.StringIO | None = None) -> Iterator[io.StringIO]:
        """What is printed inside; what goes to stderr too, unless there is another place for it."""
        heard = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(heard),
            contextlib.redirect_stderr(heard if errors is None else errors),
        ):
            yield heard

    def _shown(self, text: str) -> str:
        """What was printed, wherever the bundled specs are."""
        text = text.replace(bundled("specs"), ".../specs")
        return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
