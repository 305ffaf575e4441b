"""A user's mistake: where it is, what it is, what is allowed. Nothing else is shown for one."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Of the mistakes in one file, so many are shown.
MOST = 100
# Words longer than any of the language are no misspelling of one.
_LONGEST_WORD = 100
# Words that have less in common are not suggested for each other.
_ALIKE = 0.75


class Diagnostic(NamedTuple):
    """One mistake. `line` and `column` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    source: str = ""

    @property
    def location(self) -> str:
        """`file:line:column`, or the file alone."""
        name = shown_path(self.file)
        return f"{name}:{self.line}:{self.column}" if self.line else name

    @property
    def said(self) -> str:
        """Place, message and hint on one line, for those who catch it."""
        return f"{self.location}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class Failure(Exception):
    """One or more mistakes, all of those that could be found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(set(diagnostics))
        super().__init__("; ".join(d.said for d in self.diagnostics))

    def __reduce__(self) -> "tuple[type[Failure], tuple[list[Diagnostic]]]":
        # By default an exception is pickled with its message for an argument.
        return Failure, (self.diagnostics,)


def capped(mistakes: Sequence[Diagnostic], count: int = 0) -> list[Diagnostic]:
    """Mistakes of one file; of very many the first ones, and how many more there are.

    `count` is how many there are where not all of them have been put into words.
    """
    total = count or len(mistakes)
    if total <= MOST:
        return list(mistakes)
    *shown, last = mistakes[:MOST]
    return [*shown, last._replace(message=f"and {total - MOST + 1:,} more mistakes", hint="")]


class Unusable(Exception):
    """The command line or the environment does not allow what was asked for."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)


def failure(file: str, message: str, hint: str = "") -> Failure:
    """A failure about a file or a project as a whole."""
    return Failure([Diagnostic(file, 0, 0, message, hint)])


def shown_path(path: str) -> str:
    """A path as the user would type it: relative to the working directory where it lies inside."""
    relative = os.path.relpath(path) if path else path
    return (path if relative.startswith("..") else relative).replace(os.sep, "/")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'rope'?` for a close match, else the empty string."""
    match = closest(word, known)
    return f"did you mean '{match}'?" if match else ""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that is nearly this one, else the empty string."""
    if len(word) > _LONGEST_WORD:
        return ""
    from difflib import get_close_matches

    for match in get_close_matches(word, list(known), n=3, cutoff=_ALIKE):
        # An ending that both have would make any two classes alike.
        ending = _ending(word)
        stem, other = word.removesuffix(ending), match.removesuffix(ending)
        if stem == word or other == match or get_close_matches(stem, [other], cutoff=_ALIKE):
            return match
    return ""


def _ending(word: str) -> str:
    """The ending of a class, such as ForCausalLM; empty for other words."""
    return word[start:] if (start := word.find("For", 1)) > 0 else ""
