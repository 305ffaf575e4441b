"""The spec files that arguments of a command line mean. Imports nothing heavy."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from keyword import iskeyword

from adaptergen.errors import Diagnostic, Failure, Unusable, did_you_mean, failure, shown_path
from adaptergen.language.files import ENDING, find_spec, spec_files, spec_name
from adaptergen.project import Project, bundled, find_project, nearest_project
from adaptergen.targets.transformer_lens.support import MODULES

_OTHER_ENDING = ".yml"


def project_of(arguments: Iterable[str]) -> Project:
    """The project of the specs and folders that are named by paths; else that of the work folder.

    Raises:
        Unusable: if they belong to several.
        Failure: if a project's table is not valid.
    """
    paths = [path for path in arguments if os.path.lexists(path)]
    folders = {path if os.path.isdir(path) else os.path.dirname(path): None for path in paths}
    found = dict.fromkeys(filter(None, map(nearest_project, folders)))
    if len(found) > 1:
        roots = ", ".join(shown_path(project.root) for project in found)
        raise Unusable(f"these specs belong to several projects: {roots}", "name those of one")
    return next(iter(found), None) or find_project()


def select_spec(project: Project, argument: str) -> str:
    """The spec that an argument names: its file, its name, or the class of HF that it is of.

    Names and classes are looked for in the project first, then among the bundled specs.

    Raises:
        Failure: if there is none.
    """
    folders = project.spec_folders()
    path = argument if _is_file(argument) else find_spec(argument, folders)
    path = path or _spec_of_class(folders, argument)
    if path is None:
        known = [spec_name(file) for folder in folders for file in spec_files(folder)]
        hint = did_you_mean(argument, known) or "`adaptergen list` names them all"
        if os.path.isdir(argument):
            raise failure(argument, "is a folder, and one spec is asked for", hint)
        raise failure(argument, "no such spec", hint)
    return path


def _spec_of_class(folders: Sequence[str], name: str) -> str | None:
    """The first spec of an HF class."""
    if not (name.isidentifier() and name[0].isupper()):
        return None
    from adaptergen.spec.load import Loader

    loader = Loader(folders)
    for path in (path for folder in folders for path in spec_files(folder)):
        # A spec with mistakes is for others to report.
        with suppress(Failure):
            if name in loader.load(path).spec.architectures:
                return path
    return None


def _is_file(path: str) -> bool:
    """Whether there is a file of any sort; reading it then says what is wrong with it."""
    return os.path.lexists(path) and not os.path.isdir(path)


def select_specs(project: Project, arguments: Sequence[str]) -> list[str]:
    """The spec files that arguments name; without arguments, all of the project's.

    An argument is a spec file, a folder of specs, or the name of one of the project's specs.

    Raises:
        Unusable: for arguments that lead to no spec.
        Failure: for files that cannot be specs, and for specs that would share a module.
    """
    found = [
        path for argument in arguments or [project.specs] for path in _specs(project, argument)
    ]
    paths = list({os.path.abspath(path): path for path in found}.values())
    mistakes: list[Diagnostic] = []
    by_name: dict[str, str] = {}
    for path in paths:
        other = by_name.setdefault(spec_name(path), path)
        if other != path:
            mistakes.append(Diagnostic(path, 0, 0, f"has the same name as {shown_path(other)}"))
        mistakes += misnamed(path)
    if mistakes:
        raise Failure(mistakes)
    return paths


def _specs(project: Project, argument: str) -> list[str]:
    if os.path.isdir(argument):
        found = spec_files(argument)
        if found or argument == project.specs:
            _refuse_passed_over(argument)
    elif _is_file(argument):
        found = [argument]
    else:
        found = list(filter(None, [find_spec(argument, [project.specs])]))
    if not found:
        raise _no_spec(project, argument)
    return found


def _refuse_passed_over(folder: str) -> None:
    """Refuse what looks like a spec and would not be read.

    Raises:
        Failure: naming all such files.
    """
    mistakes = []
    for entry in os.scandir(folder):
        if entry.name.endswith(_OTHER_ENDING):
            hint = f"a spec's file ends in {ENDING}: rename it"
            mistakes.append(Diagnostic(entry.path, 0, 0, "would not be read", hint))
        # An entry itself would raise for a link that leads to itself.
        elif os.path.isdir(entry.path) and not entry.name.startswith("."):
            hint = "specs lie in one folder, not in folders of it: move it"
            inside = spec_files(entry.path)
            mistakes += [Diagnostic(path, 0, 0, "would not be read", hint) for path in inside]
    if mistakes:
        raise Failure(mistakes)


def _no_spec(project: Project, argument: str) -> Unusable:
    shown = shown_path(argument)
    if os.path.isdir(argument):
        return Unusable(f"no specs in the folder {shown}", f"a spec's file ends in {ENDING}")
    if argument == project.specs:
        return Unusable(f"no folder of specs: {shown}", "`[tool.adaptergen]` may name another")
    if find_spec(argument, [bundled("specs")]):
        hint = (
            f"`adaptergen vendor {argument} --out DIR` copies its adapter,"
            f" `adaptergen new NAME --extends {argument}` starts a variant"
        )
        return Unusable(f"{argument} is a bundled spec, and none of this project", hint)
    known = [spec_name(path) for path in spec_files(project.specs)]
    hint = did_you_mean(argument, known) or "give a spec file, a folder of specs, or a spec's name"
    return Unusable(f"no such spec: {shown}", hint)


def misnamed(path: str) -> Iterable[Diagnostic]:
    """The mistake in a spec's file name, which becomes a Python module's."""
    name, ending = os.path.splitext(os.path.basename(path))
    if ending != ENDING:
        yield Diagnostic(path, 0, 0, f"a spec's file ends in {ENDING}")
    elif not _is_module_name(name):
        hint = "it becomes a module: lower-case letters, digits and underscores"
        if _is_module_name(name.lower()):
            hint = f"it becomes a module: write it in lower case, {name.lower()}{ENDING}"
        yield Diagnostic(path, 0, 0, f"'{name}' is not a name for a spec", hint)
    elif name in MODULES:
        hint = "adapters import a module of that name, which stands beside them"
        yield Diagnostic(path, 0, 0, f"'{name}' is not a name for a spec", hint)


def _is_module_name(name: str) -> bool:
    plain = name.isascii() and name.isidentifier() and not name.startswith("_")
    return plain and name.islower() and not iskeyword(name)
