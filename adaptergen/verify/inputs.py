"""A hash of everything that an outcome depends on: the same hash, the same outcome."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import adaptergen
from adaptergen.spec.files import read_bytes
from adaptergen.stamp import digest, digest_folders


def hash_inputs(
    files: Sequence[str], settings: Mapping[str, Any], templates: Sequence[str] = ()
) -> str:
    """Over the bytes of files, the settings of the run, template folders, and adaptergen's code.

    Versions of libraries are not in it: records hold them in full.
    """
    told = json.dumps(settings, sort_keys=True, default=repr).encode()
    folders = [_own_code(), digest_folders(templates, ".j2")]
    return digest([*map(str.encode, folders), told, *map(read_bytes, files)])


def code_files(folder: str) -> list[str]:
    """The files that loading a folder of modelling code may read."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    wanted = [name for name in names if name.endswith(".py") or name == "config.json"]
    return [os.path.join(folder, name) for name in wanted]


@cache
def _own_code() -> str:
    # Between releases the version stays as it is while checks change.
    package = [os.path.dirname(adaptergen.__file__)]
    return digest_folders(package, ".py") + digest_folders(package, ".yaml")
