"""Specs in, text of modules out."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from adaptergen.errors import Diagnostic, Failure
from adaptergen.render.imports import import_block
from adaptergen.render.text import comment, literal, prose
from adaptergen.render.view import adapter_view
from adaptergen.spec.model import Spec


class Renderer:
    """Renders specs through the templates found in `directories`, the first that has one winning."""

    def __init__(self, directories: Sequence[str]) -> None:
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(directories),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.environment.filters.update(literal=literal, prose=prose, comment=comment)

    def adapter(self, spec: Spec) -> str:
        """The adapter module of a spec, unformatted.

        Raises:
            Failure: if a template is missing or fails, naming its file and line.
        """
        view = adapter_view(spec)
        code = self._render("adapter.py.j2", view)
        docstring = self._render("docstring.py.j2", view)
        return f"{docstring}\n{import_block(code)}\n\n\n{code}"

    def _render(self, template: str, view: Mapping[str, Any]) -> str:
        try:
            return self.environment.get_template(template).render(view)
        except jinja2.TemplateNotFound as error:
            raise Failure([Diagnostic(template, 0, 0, f"no template is called '{error.name}'")]) from None
