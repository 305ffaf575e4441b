"""Modules that are Python as they lie in the templates' folders, and are copied."""

import ast
import os
from codecs import BOM_UTF8
from collections.abc import Sequence

from adaptergen.errors import Diagnostic, Failure
from adaptergen.language.files import read_bytes
from adaptergen.stamp import normal
from adaptergen.targets.transformer_lens import support


def copied(templates: Sequence[str], name: str) -> str:
    """The text of a module, from the first of these folders that has it.

    Raises:
        Failure: if it cannot be read, or is not Python.
    """
    found = (os.path.join(folder, support.file(name)) for folder in support.folders(templates))
    path = next(file for file in found if os.path.lexists(file))
    try:
        text = normal(read_bytes(path)).removeprefix(BOM_UTF8).decode()
        ast.parse(text)
    except UnicodeDecodeError:
        raise Failure([Diagnostic(path, 0, 0, "not UTF-8", "save the file as UTF-8")]) from None
    except SyntaxError as error:
        message, line = f"not Python: {error.msg}", (error.text or "").rstrip("\n")
        place = (error.lineno or 0, error.offset or 0)
        raise Failure([Diagnostic(path, *place, message, "", line)]) from None
    except (ValueError, RecursionError) as error:
        raise Failure([Diagnostic(path, 0, 0, f"not Python: {error}")]) from None
    return text
