"""Wrong modules: a generated adapter with one thing wrong in what it imports from beside it."""

import ast

from adaptergen.components.mlp import mutants as mlp
from adaptergen.verify.mutants import fused, joint
from adaptergen.verify.mutants.syntax import Wrong, with_item

# Each yields name, description and text of the wrong methods of a class that a module imports.
_METHODS = (fused.methods, joint.methods, mlp.methods)


def imported_changed(tree: ast.Module) -> Wrong:
    """One of the classes that the module imports from beside it, with other methods."""
    for place, statement in enumerate(list(tree.body)):
        if isinstance(statement, ast.ImportFrom) and statement.level:
            for alias in statement.names:
                for methods in _METHODS:
                    for name, description, text in methods(alias.name, tree):
                        code = ast.parse(f"class {alias.name}({alias.name}):\n{text}")
                        with with_item(tree.body, place + 1, code.body[0]):
                            yield name, description
