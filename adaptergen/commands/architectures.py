"""Measurements of each architecture: `architectures.json` beside the generated modules.

`make architectures` writes it. It holds what only torch and its relatives can tell, so that
`adaptergen list` does without them.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from adaptergen.errors import Unusable, shown_path
from adaptergen.language.files import read_bytes
from adaptergen.stamp import digest, normal

FILE = "architectures.json"
_END_OF_HEADER = re.compile(rb"^# body [0-9a-f]+\n", re.MULTILINE)


class Measurement(NamedTuple):
    """Measurements of one generated module.

    `module` is the hash of its body, `shipped` the name by which TL has an adapter of its own for
    the class, `hooks` how many fire in a layer, `worst` the largest difference from HF. `known`
    are the checks that fail as the spec says.
    """

    module: str
    shipped: str
    hooks: int
    passed: bool
    checks: int
    worst: float
    versions: Mapping[str, str]
    known: Sequence[str] = ()


def body_digest(path: str) -> str:
    """The hash of what is below a generated module's header; empty if there is none.

    The header is left out: it tells of tools and of specs, whose changes may change nothing here.
    """
    if not os.path.isfile(path):
        return ""
    data = normal(read_bytes(path))
    found = _END_OF_HEADER.search(data)
    return digest([data[found.end() :]]) if found else ""


def read_measurements(folder: str) -> dict[str, Measurement]:
    """The measurements of a folder of generated modules, by spec; none where there is no file.

    Raises:
        Unusable: if the file holds something else.
    """
    path = os.path.join(folder, FILE)
    if not os.path.isfile(path):
        return {}
    try:
        rows: dict[str, Any] = json.loads(read_bytes(path))
        return {spec: _measurement(row) for spec, row in rows.items()}
    except (ValueError, TypeError, AttributeError):
        hint = "`make architectures` writes it"
        raise Unusable(f"{shown_path(path)} holds no measurements", hint) from None


def _measurement(row: dict[str, Any]) -> Measurement:
    # JSON has no tuples.
    return Measurement(**{**row, "known": tuple(row.get("known", ()))})


def measurements_text(measurements: Mapping[str, Measurement]) -> str:
    """The text of the file."""
    rows = {spec: measured._asdict() for spec, measured in sorted(measurements.items())}
    return json.dumps(rows, indent=1) + "\n"
