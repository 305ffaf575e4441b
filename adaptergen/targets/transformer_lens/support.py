"""The modules beside generated adapters that they import, so that none repeats what those hold.

They are Python files in the folder `support` of the templates, and copied from there.
"""

import os
import re
from collections.abc import Iterable
from functools import cache

from adaptergen.project import bundled

# How the name of every template ends.
TEMPLATE = ".j2"
ENDING = ".py"
FOLDER = "support"
_CLASS = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)


def folders(templates: Iterable[str]) -> list[str]:
    """The folders of such modules in folders of templates, which need not have one."""
    return [path for folder in templates if os.path.isdir(path := os.path.join(folder, FOLDER))]


def file(name: str) -> str:
    """The file of a module."""
    return f"{name}{ENDING}"


def source(name: str) -> str:
    """The file that a module is copied from, as headers name it."""
    return f"{FOLDER}/{file(name)}"


def names(folder: str) -> list[str]:
    """The names of the modules in a folder of them."""
    found = (os.path.splitext(name) for name in sorted(os.listdir(folder)))
    return [name for name, ending in found if ending == ENDING]


_BUNDLED = os.path.join(bundled("templates"), FOLDER)
MODULES = tuple(names(_BUNDLED))
FILES = tuple(map(file, MODULES))


@cache
def classes() -> dict[str, str]:
    """The classes that adapters may import, each with its module."""
    found: dict[str, str] = {}
    for name in MODULES:
        with open(os.path.join(_BUNDLED, file(name)), encoding="utf-8") as module:
            found |= dict.fromkeys(_CLASS.findall(module.read()), name)
    return found
