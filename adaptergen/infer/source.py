"""The model that an argument of `infer` means: a class, a config, a folder, or one on the hub."""

import os
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import transformers
from transformers import CONFIG_MAPPING, AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from adaptergen.errors import Unusable, did_you_mean, failure, shown_path
from adaptergen.verify.classes import generates
from adaptergen.verify.code import load_code, read_config
from adaptergen.verify.hf import hf_class
from adaptergen.verify.once import MissingError, one_line
from adaptergen.verify.spelling import respelled

# Keys of a config that say nothing of how the model computes.
_ABOUT = (
    "architectures", "auto_map", "dtype", "model_type", "torch_dtype", "transformers_version",
    "_name_or_path", "quantization_config",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """An HF class, the values of a config that differ from the class's own, and a remark."""

    architecture: str
    given: dict[str, Any]
    note: str = ""


def source(argument: str, *, trust_remote_code: bool) -> Source:
    """The class that an argument names, its own modelling files run only if trusted.

    Raises:
        Failure: if a file is there and describes no model.
        Unusable: if there is no such class, file or model.
    """
    if os.path.isdir(argument):
        return _folder(argument, trust_remote_code)
    if argument.endswith(".json"):
        return _config(argument, trust_remote_code)
    if argument.isidentifier():
        return Source(_known_class(argument), {})
    return _hub(argument, trust_remote_code)


def _known_class(name: str) -> str:
    try:
        found = hf_class(name)
    except MissingError:
        known = {other for other in dir(transformers) if other.endswith("ForCausalLM")} - {name}
        hint = did_you_mean(name, known) or "give a class, a config.json, a folder or a hub id"
        version = transformers.__version__
        raise Unusable(f"transformers {version} has no model class {name}", hint) from None
    if not generates(found):
        raise Unusable(f"{name} is no language model", "give a class that generates text")
    return name


def _folder(folder: str, trusted: bool) -> Source:
    path = os.path.join(folder, "config.json")
    if not os.path.isfile(path):
        raise failure(path, "no such file", "a model's folder has its config there")
    return _config(path, trusted)


def _config(path: str, trusted: bool) -> Source:
    values = read_config(path)
    if "auto_map" not in values or (not trusted and _usual_class(values.get("model_type"))):
        return _named(path, values)
    if trusted:
        architecture = load_code(os.path.dirname(path) or ".")
    else:
        hint = "read it, then pass --trust-remote-code"
        raise failure(path, "the model has modelling code of its own, which would be run", hint)
    return Source(architecture, _own_values(path, architecture, values))


def _named(path: str, values: dict[str, Any]) -> Source:
    names = values.get("architectures")
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        raise failure(path, "names no architecture", "its key 'architectures' holds class names")
    note = ""
    try:
        architecture = _known_class(names[0])
    except Unusable as error:
        # HF goes by the type alone: the code of a checkpoint may call its class otherwise.
        usual = _usual_class(values.get("model_type"))
        if usual is None:
            raise failure(path, str(error)) from None
        architecture = usual
        lacks = f"{shown_path(path)} names {names[0]}, no language model of transformers"
        note = f"{lacks}: what follows is of {usual}, its class for {values['model_type']}"
    return Source(architecture, _own_values(path, architecture, values), note)


def _usual_class(model_type: Any) -> str | None:
    """The language model that HF has for a type, which may be another type's."""
    if not isinstance(model_type, str) or model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return None
    usual: str | tuple[str, ...] = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]
    return usual if isinstance(usual, str) else usual[0]


def _own_values(path: str, architecture: str, values: dict[str, Any]) -> dict[str, Any]:
    """Values of a config that are not its class's own, as far as the class knows the keys."""
    cls = hf_class(architecture).config_class
    given = {key: value for key, value in values.items() if key not in _ABOUT}
    try:
        if _usual_class(values.get("model_type")) == architecture:
            given = _by_usual_names(CONFIG_MAPPING[values["model_type"]], cls, given)
        told = respelled(architecture, given)
        config, usual = cls(**deepcopy(told)).to_dict(), cls().to_dict()
    except Exception as error:
        raise failure(path, f"{cls.__name__} refuses it: {one_line(error)}") from None
    # Code of a folder may ask for keys that its config class does not name; HF's own does not.
    known = usual if cls.__module__.startswith("transformers.") else config
    return {k: config[k] for k in told if k in known and config[k] != usual.get(k)}


def _by_usual_names(own: Any, cls: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Values of a type's own config, for a class of another type: EXAONE 3 is a Llama."""
    # A config of several models holds that of the text model.
    if own is cls or own.sub_configs:
        return given
    return {k: v for k, v in own(**deepcopy(given)).to_dict().items() if k not in _ABOUT}


def _hub(name: str, trusted: bool) -> Source:
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=trusted)
    except Exception as error:
        hint = "give a class, a config.json, a folder or a hub id"
        raise Unusable(f"{name}: {one_line(error)}", hint) from None
    if trusted and getattr(config, "auto_map", None):
        from huggingface_hub import snapshot_download

        return _folder(snapshot_download(name, allow_patterns=["*.py", "*.json"]), trusted)
    values = config.to_dict()
    return _named(name, values)
