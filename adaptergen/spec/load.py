"""From a spec's name or file to a validated spec, its parents merged in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from adaptergen.errors import Diagnostic, Failure, closest, did_you_mean, shown_path
from adaptergen.language.files import (
    SPEC_LIMIT,
    find_parent,
    read_bytes,
    same_file,
    spec_files,
    spec_name,
)
from adaptergen.language.tree import Node, parse
from adaptergen.spec.extends import inheritable, merge
from adaptergen.spec.mistakes import descend, diagnostic_at, mistakes_alone, validate
from adaptergen.spec.model import Spec

_MAX_PARENTS = 20


class LoadedSpec(NamedTuple):
    """A spec, the file it came from, and its parents' files, nearest first."""

    name: str
    path: str
    parents: tuple[str, ...]
    spec: Spec
    tree: Node

    def entries(self, *path: str) -> dict[str, Node]:
        """The mapping at a path of keys, with its places; empty where there is none."""
        found = self.tree.entries
        for key in path:
            found = found[key].entries if key in found else {}
        return found

    def location(self, claim: str) -> str:
        """Where the file, or the parent that it has a claim from, makes it: `file:line:column`.

        The file alone where neither says anything of it.
        """
        path, node = descend(self.tree, [int(k) if k.isdigit() else k for k in claim.split(".")])
        if not path:
            return shown_path(self.path)
        found = Diagnostic(node.file, node.line, node.column, "").location
        return found if node.file == self.path else f"{found}, inherited"


class Loader:
    """Loads specs; `folders` is where parents are looked for, in order. Files are read once."""

    def __init__(
        self, folders: Sequence[str], read: Callable[[str, int], bytes] = read_bytes
    ) -> None:
        self.folders = folders
        self.read = read
        self._trees: dict[str, Node] = {}

    def load(self, path: str) -> LoadedSpec:
        """Load the spec in `path`.

        Raises:
            Failure: with every mistake in the file, and in what it inherits.
        """
        own = self._tree(path)
        try:
            tree, parents = self._resolve(path, ())
        except Failure as error:
            raise Failure([*error.diagnostics, *self._own_mistakes(path, own)]) from None
        return LoadedSpec(spec_name(path), path, parents, validate(tree), tree)

    def load_all(self, paths: Iterable[str]) -> Iterator[LoadedSpec]:
        """Load several specs one by one, so that no more than one need be held in memory.

        Raises:
            Failure: at the end, with the mistakes of all of them.
        """
        mistakes: list[Diagnostic] = []
        for path in paths:
            try:
                loaded = self.load(path)
            except Failure as error:
                mistakes += error.diagnostics
                continue
            yield loaded
        if mistakes:
            raise Failure(mistakes)

    def _resolve(self, path: str, children: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        tree = self._tree(path)
        entry = tree.entries.get("extends")
        if entry is None:
            return tree, ()
        parent = self._find_parent(entry, path, (*children, path))
        inherited, grandparents = self._resolve(parent, (*children, path))
        return _merged(inherited, tree), (parent, *grandparents)

    def _own_mistakes(self, path: str, tree: Node) -> list[Diagnostic]:
        """Further mistakes of a spec whose parents cannot be had.

        If its parent's name is misspelt, what is wrong with it as a child of the one meant.
        """
        name = tree.entries["extends"].value
        meant = closest(name, self._known(path)) if isinstance(name, str) else ""
        if not meant or meant == name:
            return mistakes_alone(tree)
        parent = find_parent(meant, path, self.folders)
        try:
            inherited, _ = self._resolve(parent or "", (path,))
            validate(_merged(inherited, tree))
        except Failure as error:
            return [mistake for mistake in error.diagnostics if mistake.file == path]
        return []

    def _known(self, path: str) -> set[str]:
        """The names of specs that the one in a file may extend."""
        return {spec_name(f) for folder in self.folders for f in spec_files(folder)} - {
            spec_name(path)
        }

    def _tree(self, path: str) -> Node:
        if path not in self._trees:
            self._trees[path] = parse(path, self.read(path, SPEC_LIMIT))
        return self._trees[path]

    def _find_parent(self, entry: Node, path: str, chain: tuple[str, ...]) -> str:
        name = entry.value
        if not isinstance(name, str) or not name.isidentifier():
            raise Failure(
                [diagnostic_at(entry, "'extends': expected the name of a spec, such as llama")]
            )
        found = find_parent(name, path, self.folders)
        if found is None:
            other = "other " if name == spec_name(path) else ""
            message = f"'extends': no {other}spec is called '{name}'"
            hint = "`adaptergen list` shows those that can be extended"
            hint = did_you_mean(name, self._known(path)) or hint
            raise Failure([diagnostic_at(entry, message, hint)])
        if any(same_file(found, child) for child in chain):
            names = [spec_name(p) for p in (*chain, found)]
            message = f"'extends': specs extend each other in a circle: {' -> '.join(names)}"
            raise Failure([diagnostic_at(entry, message)])
        if len(chain) > _MAX_PARENTS:
            raise Failure([diagnostic_at(entry, f"'extends': more than {_MAX_PARENTS} parents")])
        return found


def _merged(inherited: Node, tree: Node) -> Node:
    """A spec's tree laid over its parent's."""
    own = {key: node for key, node in tree.entries.items() if key != "extends"}
    return merge(inheritable(inherited), tree._replace(value=own))
