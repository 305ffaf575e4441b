"""Specs in, text of modules out."""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jinja2

from adaptergen.errors import Diagnostic, Failure
from adaptergen.language.factor import in_code
from adaptergen.registry import Entry
from adaptergen.spec.model import Spec
from adaptergen.targets.text import comment, literal, prose
from adaptergen.targets.transformer_lens import support
from adaptergen.targets.transformer_lens.compiled import Compiled
from adaptergen.targets.transformer_lens.copied import copied
from adaptergen.targets.transformer_lens.imports import import_block
from adaptergen.targets.transformer_lens.overrides import misspelt
from adaptergen.targets.transformer_lens.view import adapter_view


class _Templates(jinja2.FileSystemLoader):
    """The templates of folders. What is named otherwise is none: stamps would not cover it."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template, as Jinja asks for it."""
        if not template.endswith(support.TEMPLATE):
            raise jinja2.TemplateNotFound(template)
        return super().get_source(environment, template)


class Renderer:
    """Renders specs through the templates found in `folders`, the first that has one winning.

    A template can extend the one of the last folder that it hides, as `bundled/NAME`.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self.folders = folders
        self.environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    _Templates(folders),
                    jinja2.PrefixLoader({"bundled": _Templates(folders[-1])}),
                ]
            ),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self.environment.bytecode_cache = Compiled(self.environment)
        self.environment.filters.update(
            literal=literal, prose=prose, comment=comment, in_code=in_code
        )

    def misspelt(self) -> list[Diagnostic]:
        """Templates, and blocks of them, that override nothing."""
        *own, bundled = self.folders
        return [m for folder in own for m in misspelt(self.environment, folder, bundled)]

    def adapter(self, spec: Spec) -> str:
        """The adapter module of a spec, unformatted.

        Raises:
            Failure: if a template is missing or fails, or what it prints is not Python.
        """
        view = adapter_view(spec)
        code = self._render("adapter.py.j2", view)
        docstring = self._render("docstring.py.j2", view)
        try:
            others = spec.hatch.imported if spec.hatch else {}
            return f"{docstring}\n{import_block(code, others)}\n\n\n{code}"
        except RecursionError:
            message = f"renders code too deeply nested for Python for {spec.architecture}"
            raise Failure([Diagnostic("adapter.py.j2", 0, 0, message)]) from None
        except SyntaxError as error:
            message = f"renders what is not Python for {spec.architecture}: {error.msg}"
            line = (error.text or "").strip()
            raise Failure([Diagnostic("adapter.py.j2", 0, 0, message, line)]) from None

    def support(self, name: str) -> str:
        """A module that the adapters import: a copy, of the project's own if there is one.

        Raises:
            Failure: if it is not Python.
        """
        return copied(self.folders, name)

    def registry(self, entries: Iterable[Entry]) -> str:
        """The module that lists adapters by architecture, unformatted.

        Raises:
            Failure: as `adapter` does.
        """
        return self._render("registry.py.j2", {"entries": list(entries)})

    def _render(self, template: str, view: Mapping[str, Any]) -> str:
        try:
            return self.environment.get_template(template).render(view)
        except jinja2.TemplateNotFound as error:
            named = str(error.name).endswith(support.TEMPLATE)
            hint = "" if named else f"a template's name ends in {support.TEMPLATE}"
            message = f"no template is called '{error.name}'"
            raise Failure([self._diagnose(error, message, hint)]) from None
        except jinja2.TemplateSyntaxError as error:
            message = f"template error: {error.message}"
            lines = (error.source or "").splitlines()
            line = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
            file = error.filename or template
            raise Failure([Diagnostic(file, error.lineno, 1, message, "", line)]) from None
        except Exception as error:  # whatever a project's template does, the user sees where
            message = f"template error: {type(error).__name__}: {error}"
            raise Failure([self._diagnose(error, message)]) from None

    def _diagnose(self, error: Exception, message: str, hint: str = "") -> Diagnostic:
        """The line of the innermost template on the way to an error, from Jinja's traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f for f in frames if f.filename.startswith(tuple(self.folders))]
        if not lines:
            return Diagnostic(self.folders[0], 0, 0, message, hint)
        return Diagnostic(
            lines[-1].filename, lines[-1].lineno or 1, 1, message, hint, lines[-1].line or ""
        )
