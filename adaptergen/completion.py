"""Completion in the shell, by argcomplete, which asks the program for the words that may follow.

Imported only when a shell asks: a run that does something else starts as fast as without it.
"""

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from adaptergen.language.files import spec_files, spec_name
from adaptergen.project import bundled, find_project

# What the arguments of all verbs mean, by their names.
_SPECS = frozenset(("specs", "spec", "one", "other", "extends"))
_CLASSES = frozenset(("source", "architecture"))


def complete(top: argparse.ArgumentParser) -> None:
    """Print the words that may follow and end, where the shell asks and argcomplete is there."""
    try:
        import argcomplete
    except ImportError:
        return
    for action in _actions(top):
        completing: Any = action
        if action.dest in _SPECS:
            completing.completer = _with_files(argcomplete, specs())
        elif action.dest in _CLASSES:
            completing.completer = _with_files(argcomplete, classes())
    argcomplete.autocomplete(top)


def specs() -> list[str]:
    """The names of the project's specs and of the bundled ones."""
    folders = [find_project().specs, bundled("specs")]
    return sorted({spec_name(path) for folder in folders for path in spec_files(folder)})


def classes() -> list[str]:
    """The language models of the transformers that is installed."""
    from adaptergen.commands.model_types import language_models

    return sorted(set(language_models().values()))


def _with_files(argcomplete: Any, names: Iterable[str]) -> Any:
    """A completer of names, and of files and folders besides."""
    files = argcomplete.completers.FilesCompleter()

    def matching(prefix: str, **told: Any) -> list[str]:
        own = [name for name in names if name.startswith(prefix)]
        return [*own, *files(prefix, **told)]

    return matching


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser and of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
