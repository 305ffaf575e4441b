"""Settings behind settings: config keys that only matter where another one is set."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any

from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.perturb import moves
from adaptergen.verify.probe import changed
from adaptergen.verify.structure import reshapes, structure

Changes = dict[str, Any]

# What a key says that may switch something on, or off: a number of groups of one is none.
_OFF = (None, False, True, 0, 1)

# Keys of training, initialisation and texts, which no logits depend on, whatever else is set.
_IDLE = re.compile(r"dropout|init|_token_id$|^use_cache$")


def behind_switches(hf: HfModel) -> Iterator[Changes]:
    """Each key that does nothing alone, with each switch under which a value of it does something.

    A switch may do nothing alone either.
    """
    values = hf.config.to_dict()
    settings = {key: found for key, found in moves(hf.config).items() if not _IDLE.search(key)}
    mattering = {key: [c for c in found if matters(hf, c)] for key, found in settings.items()}
    inert = {k: [*found, *_one(k, found)] for k, found in settings.items() if not mattering[k]}
    pairs: set[frozenset[str]] = set()
    for switch in (key for key in settings if values[key] in _OFF):
        on = (mattering[switch] or settings[switch])[0]
        other = HfModel(hf.architecture, {**hf.settings, **on}, hf.dtype)
        for key, found in inert.items():
            pair = frozenset((switch, key))
            if len(pair) == 1 or pair in pairs:
                continue
            for changes in found:
                if matters(other, changes):
                    pairs.add(pair)
                    yield {**on, **changes}


def _one(key: str, found: Sequence[Changes]) -> Iterator[Changes]:
    """A number of one, which often says that there is no second kind of something."""
    numbers = [changes[key] for changes in found if type(changes[key]) is int]
    if numbers and 1 not in numbers:
        yield {key: 1}


def together(hf: HfModel) -> Iterator[Changes]:
    """Each two keys that bring or take parameters, with one value of each.

    Not those that only move them to other layers, or change how many layers there are.
    """
    found = (_naming(hf, changes) for changes in moves(hf.config).values())
    for one, other in combinations(filter(None, found), 2):
        yield {**one, **other}


def _naming(hf: HfModel, settings: Sequence[Changes]) -> Changes | None:
    """The first of the settings under which parameters have other names."""
    for changes in settings:
        with suppress(UnavailableError):
            if _names(hf, changes) != _names(hf, {}):
                return changes
    return None


def _names(hf: HfModel, changes: Changes) -> set[str]:
    """Names of all parameters, the same for each layer."""
    return {re.sub(r"\.\d+\.", ".{i}.", name) for name in structure(hf, changes).shapes}


def matters(hf: HfModel, changes: Mapping[str, Any]) -> bool:
    """Whether HF's parameters or its output are others under a change; not if HF refuses it."""
    try:
        if reshapes(hf, changes):
            return True
        return changed(hf.moved(changes).logits(hf.batch(hf.length)), hf.seen.logits)
    except Exception:
        # Some configs HF builds and then cannot run.
        return False
