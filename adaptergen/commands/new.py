"""`adaptergen new`."""

import os
import re
from argparse import Namespace

from adaptergen import schema_file
from adaptergen.commands.model_types import language_models, model_type_of
from adaptergen.errors import Failure, failure, shown_path
from adaptergen.language.files import ENDING
from adaptergen.project import find_project
from adaptergen.report import print_json, visible
from adaptergen.selection import misnamed, select_spec
from adaptergen.sources import digest_generator
from adaptergen.spec.load import Loader
from adaptergen.spec.schema import LINE
from adaptergen.writing import write_all

_TEXT = """{line}
{identity}
extends: {parent}
summary: Variant of {title}.
"""


def run(arguments: Namespace) -> int:
    """Write a spec that varies another one, and the schema beside it; 1 if there is such a spec."""
    project = find_project()
    name: str = arguments.name
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise failure(name, "not a spec's name", "lower-case letters, digits and underscores")
    path = os.path.join(project.specs, name + ENDING)
    for mistake in misnamed(path):
        raise Failure([mistake])
    if os.path.exists(path):
        raise failure(path, "exists already, so it is left alone")
    known = language_models()
    model_type = model_type_of(name, known)
    usual = known.get(model_type, f"{name[0].upper()}{name[1:]}ForCausalLM")
    architecture: str = arguments.architecture or usual
    if not re.fullmatch("[A-Z][A-Za-z0-9_]*", architecture):
        raise failure(architecture, "expected a class name such as LlamaForCausalLM")
    parent = Loader(project.spec_folders()).load(select_spec(project, arguments.extends))
    identity = f"architecture: {architecture}"
    # A class may have several types; that of the spec's name is meant first.
    types = [model_type, *filter(str.isidentifier, known)]
    own = next((found for found in types if known.get(found) == architecture), "")
    if own and own != architecture.removesuffix("ForCausalLM").lower():
        identity += f"\nmodel_type: {own}"
    text = _TEXT.format(line=LINE, identity=identity, parent=parent.name, title=parent.spec.name)
    texts: dict[str, str | None] = {path: text}
    schema = os.path.join(project.specs, schema_file.FILE)
    if not os.path.exists(schema):
        texts[schema] = schema_file.text(digest_generator())
    write_all(texts)
    if arguments.format == "json":
        print_json([{"file": shown_path(file), "reason": "missing"} for file in texts])
        return 0
    beside = f" (and {shown_path(schema)}, for editors)" if schema in texts else ""
    print(f"wrote {visible(shown_path(path))}{beside}; say what differs, then run")
    print(f"    adaptergen build {shown_path(path)}")
    print(f"    adaptergen verify {name}")
    return 0
