"""Wrong specs: every claim of a spec changed in each way that someone could get it wrong.

Most changes follow from what a key holds: a choice becomes another one, a decided key its opposite
or another key, a word another word. What a name could be mistaken for depends on the facet; a
function registered for the facet's class says it. A new facet value needs one such function.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from adaptergen.language.facet import Facet, Word, tag_of
from adaptergen.language.kinds import Part, module_of
from adaptergen.language.values import Decided
from adaptergen.language.walk import classes_of, key_of
from adaptergen.spec.compare import semantic_differences
from adaptergen.spec.leaves import keys_named
from adaptergen.spec.model import Spec
from adaptergen.spec.verification import Verification
from adaptergen.spec.versions import replaced
from adaptergen.verify.hf import HfModel

_DECIDED = get_args(Decided)[1]


@dataclass(frozen=True)
class Change:
    """Other values for some keys of a spec, by dotted path; `name` is short and never changes.

    With `only_claims`, the adapter does the same: it makes up for what HF lacks, where HF has it.
    """

    name: str
    description: str
    values: dict[str, Any]
    only_claims: bool = False


@dataclass(frozen=True)
class Original:
    """Sources of a change: the whole spec, and the HF model that it is about."""

    spec: Spec
    hf: HfModel

    @property
    def layers(self) -> list[str]:
        """Path of each layer."""
        blocks = self.spec.paths.blocks
        return [f"{blocks}.{number}" for number in range(len(self.hf.module(blocks)))]

    def lookalikes(self, path: str, inside: str) -> list[str]:
        """Other modules with parameters of the same shapes, as paths seen from `inside`."""
        modules = dict(self.hf.module(inside).named_modules() if inside else self._modules())
        shapes = {p: _shapes(m) for p, m in modules.items()}
        wanted = shapes.get(path)
        return [p for p, found in shapes.items() if wanted and found == wanted and p != path]

    def _modules(self) -> Iterator[tuple[str, Any]]:
        yield from self.hf.model.named_modules()


def _shapes(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in module.named_parameters()]


K = TypeVar("K", bound=Part)
Changes = Callable[[Any, Original], Iterator[Change]]
Values = Callable[[Original], Iterator[tuple[str, Any]]]

CHANGES: dict[type[Facet], Changes] = {}
INSTEAD: dict[type[Facet], Values] = {}


class KindMutants(Generic[K]):
    """Mistakes that can be made in the facet of a kind; each has a subclass called `Mutants`.

    `makes_up_for` are keys that say what HF lacks, and the adapter does instead.
    """

    makes_up_for: ClassVar[tuple[str, ...]] = ()

    def changes(self, facet: K, original: Original) -> Iterator[Change]:
        """How its names can be wrong; keys of the changes are seen from the facet."""
        yield from ()

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """Wrong values of this kind where the spec has another: a word, and the value in YAML."""
        raise NotImplementedError


def mutants_of(kind: type[Part]) -> KindMutants[Any]:
    """The mistakes that can be made in a kind of part."""
    found: KindMutants[Any] = module_of(kind, "mutants").Mutants()
    return found


def mutates(*facets: type[Facet]) -> Callable[[Changes], Changes]:
    """Register how facets' names can be wrong; keys of the changes are seen from the facet."""

    def register(function: Changes) -> Changes:
        CHANGES.update(dict.fromkeys(facets, function))
        return function

    return register


def instead(facet: type[Facet]) -> Callable[[Values], Values]:
    """Register wrong values of a facet's class where the spec may have another class's.

    Each is a word for the mutant's name and the value as YAML has it.
    """

    def register(function: Values) -> Values:
        INSTEAD[facet] = function
        return function

    return register


def changes(spec: Spec, hf: HfModel) -> list[Change]:
    """Every change of a spec, in the order of its keys; no two lead to the same spec."""
    found: list[Change] = []
    seen = [spec]
    for change in _changes_of(spec, "", Original(spec, hf)):
        wrong = changed(spec, change)
        # A reason may be worded otherwise, and nothing depends on steps that are never made.
        moot = change.name.startswith("processing.") and not semantic_differences(spec, wrong)
        if wrong not in seen and not moot:
            seen.append(wrong)
            found.append(change)
    return found


def changed(spec: Spec, change: Change) -> Spec:
    """The spec with a change made, without those of its versions that it then cannot have."""
    wrong = replaced(spec, change.values)
    kept = [values for values in wrong.versions if _fits(wrong, values)]
    return replaced(wrong, {"versions": kept}) if kept != wrong.versions else wrong


def _fits(spec: Spec, version: Mapping[str, Any]) -> bool:
    """Whether a spec has the keys that a version has other values of: another kind lacks them."""
    try:
        replaced(spec, {"versions": [], **version})
    except (KeyError, TypeError, ValidationError):
        return False
    return True


def _changes_of(facet: Facet, prefix: str, original: Original) -> Iterator[Change]:
    kind = mutants_of(type(facet)) if isinstance(facet, Part) else None
    registered = kind.changes if kind else CHANGES.get(type(facet))
    for change in registered(facet, original) if registered else ():
        yield _inside(prefix, change)
    for name, field in type(facet).model_fields.items():
        key, value = key_of(name, field), getattr(facet, name)
        for word, other in _others(field, value, original):
            shown = word if isinstance(other, dict) else other
            text = f"{prefix}{key} is {shown}, not {_shown(value)}"
            same = kind is not None and key in kind.makes_up_for and other is True
            yield _inside(prefix, Change(f"{key}.{word}", text, {key: other}, same))
        if isinstance(value, Facet) and not isinstance(value, Verification):
            yield from _changes_of(value, f"{prefix}{key}.", original)


def _inside(prefix: str, change: Change) -> Change:
    values = {prefix + key: value for key, value in change.values.items()}
    return replace(change, name=(prefix + change.name).lower(), values=values)


def _shown(value: object) -> object:
    return tag_of(type(value)) if isinstance(value, Facet) else value


def _others(field: FieldInfo, value: object, original: Original) -> Iterator[tuple[str, Any]]:
    """Other values that a key can hold by its type alone, each with a word for it."""
    classes = classes_of(field.annotation)
    if len(classes) > 1:
        for cls in classes:
            if issubclass(cls, Word):
                yield cls.word, cls.word
            else:
                instead = mutants_of(cls).instead if issubclass(cls, Part) else INSTEAD[cls]
                for word, other in instead(original):
                    yield f"{tag_of(cls)}.{word}".rstrip("."), other
    elif _DECIDED in field.metadata:
        for other in (True, False, *deciding_keys(original)):
            yield str(other), other
    elif field.annotation is bool:
        yield "flipped", not value
    elif get_origin(field.annotation) is Literal:
        for other in get_args(field.annotation):
            yield str(other), other


def deciding_keys(original: Original) -> list[str]:
    """Boolean config keys that claims name, and one that decides something else."""
    settings = original.hf.config.to_dict()
    boolean = [key for key, value in settings.items() if isinstance(value, bool)]
    claimed = keys_named(original.spec)
    named = [key for key in boolean if key in claimed]
    return [*named, *[key for key in boolean if key not in named][:1]]


def swap(facet: Facet, one: str, other: str) -> Change:
    """Two keys of a facet with each other's values."""
    values = facet.model_dump(by_alias=True)
    text = f"{one} is {values[other]} and {other} is {values[one]}, the wrong way round"
    exchanged = {one: values[other], other: values[one]}
    return Change(f"{one}-{other}.swapped", text, exchanged)


def swaps(facet: Facet, *keys: str) -> Iterator[Change]:
    """Every two of these keys with each other's values."""
    for one, other in combinations(keys, 2):
        yield swap(facet, one, other)
