"""Lines for a terminal: wrapped and aligned, what is code in bold, or in quotes in a pipe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_BOLD, _DIM, _RESET = "\033[1m", "\033[2m", "\033[0m"
_INDENT = "  "
# A first column that is wider has its text below it.
_COLUMN = 34


@dataclass
class Lines:
    """Collects lines no wider than `width`; `bold` where the terminal shows attributes."""

    width: int
    bold: bool = False
    lines: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A line above the rest of an entry, after an empty one."""
        if self.lines:
            self.lines.append("")
        plain = text.replace("`", "" if self.bold else "'")
        self.lines.append(self._code(plain))

    def gap(self) -> None:
        """An empty line."""
        self.lines.append("")

    def text(self, text: str, indent: str = _INDENT) -> None:
        """A paragraph; nothing if it is empty."""
        self.lines += self._wrapped(text, indent, indent) if text else []

    def rows(self, rows: Sequence[tuple[str, str]], indent: str = _INDENT) -> None:
        """Two columns, the second wrapped."""
        names = [len(name) for name, _ in rows if len(name) <= _COLUMN]
        column = max(names, default=0)
        for name, text in rows:
            later = indent + " " * (column + 2)
            if len(name) > column:
                self.lines.append(f"{indent}{self._code(name)}")
                self.lines += self._wrapped(text, later, later)
            else:
                first = f"{indent}{self._code(name)}{' ' * (column + 2 - len(name))}"
                self.lines += self._wrapped(text, first, later, len(later))

    def code(self, title: str, lines: Sequence[str]) -> None:
        """Lines as they are, with where they are from."""
        self.lines += ["", f"{_INDENT}{self._dim(f'{title}:')}"]
        self.lines += [f"{_INDENT}{_INDENT}{line}" for line in lines]

    def _wrapped(self, text: str, first: str, later: str, start: int | None = None) -> list[str]:
        """Lines of a text; `start` is the width of `first` where that holds what takes no room."""
        lines, line = list[str](), first
        used = margin = len(first) if start is None else start
        for shown, width in self._words(text):
            if used > margin and used + 1 + width > self.width:
                lines.append(line)
                line, used, margin = later, len(later), len(later)
            gap = " " if used > margin else ""
            line, used = line + gap + shown, used + len(gap) + width
        return [*lines, line.rstrip()]

    def _words(self, text: str) -> Iterator[tuple[str, int]]:
        """Words as they are shown, each with its width; what is in backticks stays together."""
        shown, width = "", 0
        for number, piece in enumerate(text.split("`")):
            if number % 2:
                shown += self._quoted(piece)
                width += len(piece) + (0 if self.bold else 2)
                continue
            first, *others = piece.split(" ")
            shown, width = shown + first, width + len(first)
            for word in others:
                yield shown, width
                shown, width = word, len(word)
        yield shown, width

    def _quoted(self, code: str) -> str:
        return self._code(code) if self.bold else f"'{code}'"

    def _code(self, code: str) -> str:
        return f"{_BOLD}{code}{_RESET}" if self.bold else code

    def _dim(self, text: str) -> str:
        return f"{_DIM}{text}{_RESET}" if self.bold else text
