"""Settings behind settings: config keys that only matter where another one is set."""

from collections.abc import Iterator, Mapping
from typing import Any

from adaptergen.verify.hf import HfModel
from adaptergen.verify.perturb import moves
from adaptergen.verify.probe import changed
from adaptergen.verify.structure import reshapes

Changes = dict[str, Any]


def behind_switches(hf: HfModel) -> Iterator[Changes]:
    """Each key that does nothing alone, with each boolean key under which a value of it does.

    One value is enough: that it is read at all is what no other setting shows.
    """
    settings = moves(hf.config)
    switches = {
        key: changes[0]
        for key, changes in settings.items()
        if isinstance(changes[0][key], bool) and matters(hf, changes[0])
    }
    inert = [key for key, changes in settings.items() if not any(matters(hf, c) for c in changes)]
    for switch in switches.values():
        other = HfModel(hf.architecture, {**hf.settings, **switch}, hf.dtype)
        for key in inert:
            for changes in settings[key]:
                if matters(other, changes):
                    yield {**switch, **changes}
                    break


def matters(hf: HfModel, changes: Mapping[str, Any]) -> bool:
    """Whether HF's parameters or its output are others under a change; not if HF refuses it."""
    try:
        if reshapes(hf, changes):
            return True
        return changed(hf.moved(changes).logits(hf.batch(hf.length)), hf.seen.logits)
    except Exception:
        # Some configs HF builds and then cannot run.
        return False
