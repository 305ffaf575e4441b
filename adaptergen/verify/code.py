"""HF models whose modelling code lies in a folder, as remote code on the hub does."""

import json
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from adaptergen.errors import Diagnostic, Failure, failure
from adaptergen.language.files import read_bytes
from adaptergen.verify.hf import own_class
from adaptergen.verify.once import one_line

T = TypeVar("T")

_CONFIG, _MODEL = "AutoConfig", "AutoModelForCausalLM"


def load_code(folder: str) -> str:
    """Run the modelling code of a folder and make its classes known, here and to HF.

    A checkpoint of the class then loads without `trust_remote_code`. A second call takes what has
    changed.

    Returns:
        The name of the class, which its specs call the architecture.

    Raises:
        Failure: if the folder does not define a model, or its code raises.
    """
    references = _references(os.path.join(folder, "config.json"))
    config_class = _class(folder, references, _CONFIG, PreTrainedConfig)
    model_class = _class(folder, references, _MODEL, PreTrainedModel)
    file = _file(folder, references[_MODEL])
    own = getattr(model_class, "config_class", None)
    if getattr(own, "__name__", "") == config_class.__name__:
        # HF runs the config's file once for each class asked for; the model's copy is the model's.
        config_class = own
    model_class.config_class = config_class
    if not getattr(config_class, "model_type", ""):
        raise failure(_file(folder, references[_CONFIG]), "the config class has no model_type")
    _guarded(file, lambda: _register(config_class, model_class))
    return str(model_class.__name__)


def read_config(file: str) -> dict[str, Any]:
    """The values of a config.json.

    Raises:
        Failure: if there is none, or it holds something else.
    """
    if os.path.isdir(os.path.dirname(file) or os.curdir) and not os.path.lexists(file):
        raise failure(file, "no such file")
    try:
        # Editors of some systems put a byte order mark in front.
        config = json.loads(read_bytes(file).decode("utf-8-sig"))
    except ValueError as error:
        raise failure(file, f"not valid JSON: {one_line(error)}") from None
    except RecursionError:
        raise failure(file, "not valid JSON: nested too deeply") from None
    if not isinstance(config, dict):
        raise failure(file, "expected a config: a mapping of keys to values")
    return config


def _references(file: str) -> Mapping[str, str]:
    """Classes that config.json names for HF's auto classes, such as `modeling_x.XModel`."""
    references = read_config(file).get("auto_map")
    if not isinstance(references, dict):
        raise failure(file, "has no auto_map, which names the classes of custom code")
    for name in (_CONFIG, _MODEL):
        reference = references.get(name)
        if not isinstance(reference, str):
            raise failure(file, f"its auto_map has no {name}")
        if "--" in reference:
            hint = "copy its files into the folder"
            raise failure(file, f"the code of {name} is in another repository: {reference}", hint)
        if reference.count(".") != 1:
            raise failure(file, f"its auto_map's {name} is no FILE.CLASS: {reference}")
    return references


def _file(folder: str, reference: str) -> str:
    return os.path.join(folder, f"{reference.partition('.')[0]}.py")


def _class(folder: str, references: Mapping[str, str], name: str, base: type) -> Any:
    reference = references[name]
    file, class_name = _file(folder, reference), reference.partition(".")[2]
    if not os.path.isfile(file):
        raise failure(file, "no such file", "the auto_map of config.json names it")
    try:
        found = _guarded(file, lambda: get_class_from_dynamic_module(reference, folder))
    except _NoClassError:
        raise failure(file, f"has no class {class_name}") from None
    if not (isinstance(found, type) and issubclass(found, base)):
        raise failure(file, f"{class_name} is no {base.__name__}")
    return found


class _NoClassError(Exception):
    """The file ran, and has no such class."""


def _guarded(file: str, run: Callable[[], T]) -> T:
    """The result of `run`; an error in it is the user's mistake, in a line of the file if known."""
    try:
        return run()
    except (Exception, SystemExit) as error:
        # HF runs a copy of the file, of the same name, and asks its module for the class.
        frames = traceback.extract_tb(error.__traceback__)
        if isinstance(error, AttributeError) and frames[-1].name == "get_class_in_module":
            raise _NoClassError from None
        inside = [f for f in frames if os.path.basename(f.filename) == os.path.basename(file)]
        line = (inside[-1].lineno if inside else getattr(error, "lineno", None)) or 0
        message = f"raised {one_line(error)}"
        raise Failure([Diagnostic(file, line, 1 if line else 0, message)]) from None


def _register(config_class: Any, model_class: Any) -> None:
    AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
    AutoModelForCausalLM.register(config_class, model_class, exist_ok=True)
    own_class(model_class)
