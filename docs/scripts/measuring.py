"""Measures two adapters of one architecture, the generated one and TransformerLens' own.

Both wrap a copy of the same tiny HF model.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptergen.commands.architectures import read_measurements
from adaptergen.project import find_project
from adaptergen.spec.load import LoadedSpec
from docs.scripts import ROOT
from docs.scripts.sides import EQUAL, MEASURES, Apart, Comparison, Difference, Measured, unnumbered

if TYPE_CHECKING:
    from torch import Tensor

    from adaptergen.verify.once import UnavailableError
    from adaptergen.verify.subject import Subject

_SWITCHES = (
    "set_use_hook_mlp_in",
    "set_use_attn_in",
    "set_use_split_qkv_input",
    "set_use_attn_result",
)


def compared(specs: Sequence[LoadedSpec], modules: Path) -> Iterator[Comparison]:
    """Measure each architecture that TL has an adapter for."""
    from adaptergen.verify.precision import comparable

    measured = read_measurements(find_project(str(ROOT)).output)
    missing = [spec.name for spec in specs if spec.name not in measured]
    if missing:
        raise SystemExit(f"run `make architectures` first, for {', '.join(missing)}")
    for spec in specs:
        shipped = measured[spec.name].shipped
        if shipped:
            with comparable():
                yield _compare(spec, modules / f"{spec.name}.py", shipped)


def _compare(spec: LoadedSpec, module: Path, shipped: str) -> Comparison:
    from adaptergen.verify.hf import HfModel
    from adaptergen.verify.module import SHIPPED
    from adaptergen.verify.subject import Subject

    hf = HfModel(spec.spec.architecture, spec.spec.tiny)
    ours = Subject(spec.spec, str(module), hf=hf)
    theirs = Subject(spec.spec, f"{SHIPPED}{shipped}", hf=hf)
    parents = sum(lines_of(Path(path).read_text(encoding="utf-8")) for path in spec.parents)
    return Comparison(
        spec.name,
        shipped,
        _measure(ours, (lines_of(Path(spec.path).read_text(encoding="utf-8")), parents)),
        _measure(theirs, _lines_of_shipped(theirs.adapter)),
        tuple(_apart(ours, theirs)),
        _renamed(ours, theirs),
        lines_of(module.read_text(encoding="utf-8")),
    )


def _measure(subject: "Subject", lines: tuple[int, int]) -> Measured:
    from adaptergen.verify.check import largest_difference
    from adaptergen.verify.once import UnavailableError

    hf, padded = subject.hf, subject.hf.padded("left")
    try:
        fired = set(subject.trace.fired)
    except UnavailableError as error:
        return Measured(frozenset(), frozenset(), dict.fromkeys(MEASURES, _why(error)), lines)

    def padding() -> float:
        found, expected = subject.logits(padded), hf.logits(padded)
        return largest_difference(found[padded.real], expected[padded.real])

    differences: dict[str, Difference] = {
        "logits": largest_difference(subject.trace.logits, hf.seen.logits),
        "padded logits": padding(),
        "compatibility mode": _attempted(subject, subject.compatible_difference),
    }
    fired |= set(_switched_on(subject))
    return Measured(frozenset(fired), subject.trace.existing - fired, differences, lines)


def _attempted(subject: "Subject", measure: Callable[[], float]) -> Difference:
    from adaptergen.verify.once import UnavailableError

    try:
        return measure()
    except UnavailableError as error:
        # The model's config may decide it, which an adapter learns from the model.
        if not subject.bridge.adapter.supports_compatibility_mode:
            return "refuses"
        return _why(error)


def _why(error: "UnavailableError") -> str:
    return f"raises {error.reason.partition(':')[0]}"


def _values(subject: "Subject") -> "Mapping[str, Tensor]":
    """The values of its hooks; nothing if it does not run."""
    from adaptergen.verify.once import UnavailableError

    try:
        return subject.trace.values
    except UnavailableError:
        return {}


def _switched_on(subject: "Subject") -> Iterator[str]:
    """The hooks that fire with each of the switches for hooks that are off by default."""
    from adaptergen.verify import bridge as bridges

    bridge = bridges.boot(subject.adapter, subject.hf)
    for switch in _SWITCHES:
        try:
            getattr(bridge, switch)(True)
            yield from bridges.trace(bridge, subject.hf.batch(subject.hf.length)).fired
            getattr(bridge, switch)(False)
        except (NotImplementedError, ValueError, RuntimeError):
            # TL refuses the switch for this adapter, and the bridge is not to be trusted further.
            bridge = bridges.boot(subject.adapter, subject.hf)


def _apart(ours: "Subject", theirs: "Subject") -> Iterator[Apart]:
    """The hooks that differ, each with the layer where it differs most, in the order of firing."""
    from adaptergen.verify.check import largest_difference

    stages = {stage.name: stage for stage in reversed(ours.stages) if stage.exact}
    worst: dict[str, Apart] = {}
    shown_by_theirs = _values(theirs)
    for name, value in _values(ours).items():
        other = shown_by_theirs.get(name)
        difference = 0.0 if other is None else largest_difference(value, other)
        (hook,) = unnumbered([name])
        if other is None or difference <= max(1e-9, worst[hook].difference if hook in worst else 0):
            continue
        stage = stages.get(name)
        if _is_reshaped(value, other):
            shapes = f"{list(value.shape)}, TL's {list(other.shape)}"
            worst[hook] = Apart(hook, difference, shapes=shapes)
            continue
        if stage is None:
            worst[hook] = Apart(hook, difference)
            continue
        to_hf = [largest_difference(stage.view(shows), stage.theirs) for shows in (value, other)]
        worst[hook] = Apart(hook, difference, to_hf[0], to_hf[1])
    yield from worst.values()


def _is_reshaped(value: "Tensor", other: "Tensor") -> bool:
    """Whether two values are the same in other shapes: heads not split, or before positions."""
    from adaptergen.verify.check import largest_difference

    if value.shape == other.shape or value.numel() != other.numel():
        return False
    ways = [other, *([other.transpose(1, 2)] if other.ndim > 2 else [])]
    equal = EQUAL["logits"]
    return any(largest_difference(value.flatten(), way.flatten()) <= equal for way in ways)


def _renamed(ours: "Subject", theirs: "Subject") -> dict[str, str]:
    """The hooks of TL's alone whose values one of ours has in every layer, heads split or not."""
    from adaptergen.verify.check import largest_difference

    mine, other = _values(ours), _values(theirs)
    found: dict[str, set[str]] = {}
    for name in other.keys() - mine.keys():
        (hook,) = unnumbered([name])
        layer = name.removesuffix(hook)
        same = {
            candidate.removeprefix(layer)
            for candidate, value in mine.items()
            if candidate.startswith(layer)
            and value.numel() == other[name].numel()
            and largest_difference(value.flatten(), other[name].flatten()) <= EQUAL["logits"]
        }
        found[hook] = found.get(hook, same) & same
    # Of several the one that is called most alike.
    return {
        hook: max(sorted(names), key=lambda name: SequenceMatcher(None, hook, name).ratio())
        for hook, names in found.items()
        if names
    }


def lines_of(source: str) -> int:
    """How many lines are neither blank nor a comment."""
    stripped = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in stripped)


def _lines_of_shipped(adapter: type[Any]) -> tuple[int, int]:
    """Lines of a TL adapter's module, and of the modules of the adapters that it inherits from."""
    files = dict.fromkeys(
        inspect.getfile(cls) for cls in adapter.__mro__ if "supported_arch" in cls.__module__
    )
    first, *rest = (lines_of(Path(file).read_text(encoding="utf-8")) for file in files)
    return first, sum(rest)
