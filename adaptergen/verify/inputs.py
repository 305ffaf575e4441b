"""A hash of everything that an outcome depends on: the same hash, the same outcome."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import adaptergen
from adaptergen.language.files import read_bytes
from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.stamp import digest, digest_folders
from adaptergen.targets.transformer_lens.support import FILES


def hash_inputs(
    files: Sequence[str], settings: Mapping[str, Any], templates: Sequence[str] = ()
) -> str:
    """Over the bytes of files, the settings of the run, template folders, and adaptergen's code.

    Versions of libraries are not in it: records hold them in full.
    """
    told = json.dumps(settings, sort_keys=True, default=repr).encode()
    folders = [_own_code(), digest_folders(templates, ".j2")]
    return digest([*map(str.encode, folders), told, *map(read_bytes, files)])


def module_files(module: str, spec: Spec) -> list[str]:
    """A module under verification, where it is a file, and what it may import.

    Those are the modules that all adapters share, looked for beside it first, and all of each
    package of hand-written modules.
    """
    if not os.path.isfile(module):
        return []
    beside = [os.path.join(os.path.dirname(module), file) for file in FILES]
    support = [
        path if os.path.isfile(path) else os.path.join(bundled("generated"), file)
        for path, file in zip(beside, FILES, strict=True)
    ]
    written = spec.hatch.imported.values() if spec.hatch else ()
    # Only a package at the top can be found without running anything.
    packages = sorted({name.partition(".")[0] for name in written})
    return [module, *support, *(file for name in packages for file in _package_files(name))]


def _package_files(name: str) -> list[str]:
    found = find_spec(name)
    folders = (found.submodule_search_locations or []) if found else []
    files = [os.path.join(at, n) for top in folders for at, _, names in os.walk(top) for n in names]
    if found and found.origin:
        files.append(found.origin)
    return sorted({file for file in files if file.endswith(".py")})


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
