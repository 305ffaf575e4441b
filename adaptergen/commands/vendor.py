"""`adaptergen vendor`: one adapter, and what it imports, in a package of somebody's own."""

import ast
import os
from argparse import Namespace
from collections.abc import Sequence
from functools import partial

from adaptergen import registry
from adaptergen.build import Build, Change
from adaptergen.commands.build import say, tell_of_waiting, write
from adaptergen.errors import shown_path
from adaptergen.folder import Folder
from adaptergen.language.files import spec_name
from adaptergen.lock import Lock
from adaptergen.selection import project_of, select_spec


def run(arguments: Namespace) -> int:
    """Copy, or check, an adapter and the modules that it imports; 1 if a check finds stale ones."""
    project = project_of([arguments.spec])
    spec = select_spec(project, arguments.spec)
    # Links are followed where a person names the folder.
    project = project._replace(output=os.path.realpath(arguments.out))
    if not arguments.check:
        Folder(project).refuse_place()
    waiting = partial(tell_of_waiting, project.output)
    with Lock(project.output, share=arguments.check, waiting=waiting):
        force = arguments.force or arguments.check
        build = Build(project, [spec], arguments.target, whole=False, force=force)
        changes = _needed(build, build.changes(), spec_name(spec))
        if changes and not arguments.check:
            return write(build, changes, arguments)
    stale = "\n".join(f"stale: {shown_path(c.path)} ({c.reason})" for c in changes)
    return say(arguments, stale or f"up to date: {spec_name(spec)}", changes, int(bool(changes)))


def _needed(build: Build, changes: Sequence[Change], name: str) -> list[Change]:
    """The changes of an adapter, of all that it imports, and of the registry."""
    texts = {os.path.basename(change.path): change.text for change in changes}
    found: set[str] = set()
    ahead = [f"{name}.py"]
    while ahead:
        file = ahead.pop()
        if file not in found:
            found.add(file)
            ahead += _imported(texts.get(file) or _read(os.path.join(build.project.output, file)))
    found.add(registry.FILE)
    return [change for change in changes if os.path.basename(change.path) in found]


def _imported(code: str) -> list[str]:
    """The files beside a module that it imports."""
    nodes = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom))
    return [f"{node.module}.py" for node in nodes if node.level == 1 and node.module]


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
