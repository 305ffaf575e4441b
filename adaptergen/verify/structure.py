"""The parameters that HF gives a model under a config, seen without computing anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adaptergen.language.values import UNLESS
from adaptergen.verify.hf import HfModel, hf_config, unfilled
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.perturb import shown


@dataclass(frozen=True)
class Structure:
    """Shapes of all parameters by name, and which names stand for the same parameter.

    `parts` are the paths of all modules, parameters and buffers. `changes` are the config keys that
    differ from the tiny model's. `tensors` are the paths of parameters and buffers alone.
    """

    config: Any
    shapes: dict[str, tuple[int, ...]]
    identities: dict[str, int]
    changes: dict[str, Any]
    parts: frozenset[str]
    tensors: frozenset[str]

    def tied(self, one: str, other: str) -> bool:
        """Whether two names stand for the same parameter."""
        return self.identities.get(one, -1) == self.identities.get(other, -2)

    def layers(self, blocks: str) -> int:
        """How many blocks at that path have parameters."""
        start = f"{blocks}."
        below = [name.removeprefix(start) for name in self.shapes if name.startswith(start)]
        return len({name.partition(".")[0] for name in below})

    def below(self, path: str, names: Iterable[str], claim: str) -> dict[str, str]:
        """Names of all parameters at these places below a path, each with the claim."""
        starts = tuple(f"{path}.{name}" for name in names)
        found = (n for n in self.shapes if any(n == s or n.startswith(f"{s}.") for s in starts))
        return dict.fromkeys(found, claim)

    @property
    def setting(self) -> str:
        """The changes in words, such as ` with attention_bias=True`."""
        return f" with {shown(self.changes)}" if self.changes else ""


def decided(config: object, value: bool | str) -> bool:
    """The truth of a claim under an HF config: a constant, or whether a key is set, or is not."""
    if isinstance(value, bool):
        return value
    is_set = bool(getattr(config, value.removeprefix(UNLESS), False))
    return is_set != value.startswith(UNLESS)


@once("HF's model with {changes}")
def structure(hf: HfModel, changes: Mapping[str, Any]) -> Structure:
    """The structure of the tiny model with some config keys changed.

    Raises:
        UnavailableError: if HF refuses this config.
    """
    config = hf_config(hf.architecture, {**hf.settings, **changes})
    model = unfilled(hf.architecture, config)
    named = dict(model.named_parameters(remove_duplicate=False))
    shapes = {name: tuple(parameter.shape) for name, parameter in named.items()}
    identities = {name: id(parameter) for name, parameter in named.items()}
    modules = (name for name, _ in model.named_modules(remove_duplicate=False))
    tensors = frozenset((*named, *(name for name, _ in model.named_buffers())))
    return Structure(config, shapes, identities, dict(changes), tensors | {*modules}, tensors)


def reshapes(hf: HfModel, changes: Mapping[str, Any]) -> bool:
    """Whether parameters have other names or shapes under a change.

    Raises:
        UnavailableError: if HF refuses this config.
    """
    return structure(hf, changes).shapes != structure(hf, {}).shapes


@once("whether HF runs with {changes}")
def runs(hf: HfModel, changes: Mapping[str, Any]) -> bool:
    """Whether HF runs the model of a config; some it builds and then cannot run."""
    try:
        HfModel(hf.architecture, {**hf.settings, **changes}).require_pass()
    except UnavailableError:
        return False
    return True


@once("HF's models with a key flipped")
def structures(hf: HfModel) -> list[Structure]:
    """The tiny model, and it again with each boolean config key flipped, where HF allows that."""
    values = hf.config.to_dict()
    flips = [{key: not value} for key, value in values.items() if isinstance(value, bool)]
    found = [structure(hf, {})]
    for flip in flips:
        try:
            found.append(structure(hf, flip))
        except UnavailableError:
            continue
    return found
