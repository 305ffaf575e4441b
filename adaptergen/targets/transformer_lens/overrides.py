"""Whether a project's templates override something: misspelt ones would be passed over silently."""

import os
from collections.abc import Iterator, Mapping

import jinja2
from jinja2 import meta, nodes

from adaptergen.errors import Diagnostic, did_you_mean
from adaptergen.language.kinds import registered, template_of
from adaptergen.targets.transformer_lens import support

# More are a circle.
_MAX_PARENTS = 20


def misspelt(environment: jinja2.Environment, folder: str, bundled: str) -> list[Diagnostic]:
    """Files of a folder that take no bundled one's place, and blocks that no parent has.

    What cannot be read as a template is left to its rendering.
    """
    own = {name: os.path.join(folder, name) for name in _names(folder)}
    parsed = {name: tree for name in own if (tree := _parse(environment, name))}
    mistakes = list(_unused(own, parsed, {*_names(bundled)}))
    mistakes += _never_copied(folder)
    for name, tree in parsed.items():
        mistakes += _unknown_blocks(environment, own[name], tree)
    return mistakes


def _names(folder: str) -> Iterator[str]:
    for at, _, files in os.walk(folder):
        for file in files:
            if file.endswith(support.TEMPLATE):
                yield os.path.relpath(os.path.join(at, file), folder).replace(os.sep, "/")


def _parse(environment: jinja2.Environment, name: str) -> nodes.Template | None:
    loader = environment.loader
    if loader is None:
        return None
    try:
        return environment.parse(loader.get_source(environment, name)[0])
    except (jinja2.TemplateError, UnicodeDecodeError, RecursionError):
        return None


def _unused(
    own: Mapping[str, str], parsed: Mapping[str, nodes.Template], bundled: set[str]
) -> Iterator[Diagnostic]:
    used = {name for tree in parsed.values() for name in meta.find_referenced_templates(tree)}
    # A kind that is not among the bundled ones has its template here.
    used |= {f"{template_of(kind)}{support.ENDING}{support.TEMPLATE}" for kind in registered()}
    # One that names templates as it runs, or that cannot be read, may use any.
    if None in used or parsed.keys() < own.keys():
        return
    for name, path in own.items():
        if name not in bundled and name not in used:
            yield Diagnostic(path, 0, 0, "no template uses this one", _meant(name, bundled))


def _meant(name: str, bundled: set[str]) -> str:
    module = os.path.basename(name).removesuffix(support.TEMPLATE).removesuffix(support.ENDING)
    if module in support.MODULES:
        return f"adapters import a copy of {support.source(module)}: put yours there, as Python"
    alike = [other for other in bundled if other.count("/") == name.count("/")]
    return did_you_mean(name, alike) or "it is no name of a bundled one"


def _never_copied(folder: str) -> Iterator[Diagnostic]:
    for inside in support.folders([folder]):
        for name in support.names(inside):
            if name not in support.MODULES:
                path = os.path.join(inside, support.file(name))
                hint = did_you_mean(name, support.MODULES) or "it is no name of a bundled one"
                yield Diagnostic(path, 0, 0, "adapters import no module of this name", hint)


def _unknown_blocks(
    environment: jinja2.Environment, path: str, tree: nodes.Template
) -> Iterator[Diagnostic]:
    known: set[str] = set()
    parent: nodes.Template | None = tree
    for _ in range(_MAX_PARENTS):
        extended = parent.find(nodes.Extends) if parent else None
        if extended is None or not isinstance(extended.template, nodes.Const):
            break
        parent = _parse(environment, extended.template.value)
        known |= {block.name for block in parent.find_all(nodes.Block)} if parent else set()
    # A parent that cannot be known may have any block.
    if extended is not None or parent is None or parent is tree:
        return
    for block in _outermost_blocks(tree):
        if block.name not in known:
            message = f"no template that this one extends has a block '{block.name}'"
            hint = did_you_mean(block.name, known) or f"there are {', '.join(sorted(known))}"
            with open(path, encoding="utf-8") as file:
                line = file.read().splitlines()[block.lineno - 1]
            yield Diagnostic(path, block.lineno, 1, message, hint, line)


def _outermost_blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    """Those inside of others are called by these."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):
            yield child
        else:
            yield from _outermost_blocks(child)
