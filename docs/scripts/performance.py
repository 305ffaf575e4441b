"""Writes performance.md and its plots from what `make bench-forward` measures."""

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import jinja2
import yaml

from docs.scripts import DOCS

RECORD = DOCS / "performance.yaml"
PAGE = DOCS / "performance.md"
HEAD = DOCS / "performance.head.md"
PLOT = "performance.svg.jinja"
BUILDS = DOCS / "builds.json"
# Names of curves that end beside each other are so far apart.
_BETWEEN_NAMES = 14.0
HF, EAGER, TL, OURS = "HF sdpa", "HF eager", "TransformerLens", "generated"
# What is measured, and what HF does meanwhile: without hooks, it computes logits.
WORKS = {
    "forward": ("Logits", "forward"),
    "residual": ("Logits, while the residual stream after each layer is cached", "forward"),
    "full": ("Logits, while everything is cached", "forward"),
    "pattern": ("Logits, with a hook on the pattern of one layer", "forward"),
    "training": ("Loss and gradients", "training"),
    "decoding": ("256 tokens, decoded greedily", "decoding"),
}
_MIB = 2**20

Shape: TypeAlias = tuple[int, int]


class Measured(NamedTuple):
    """Seconds of runs that took turns with others', peak bytes, and bytes of what is kept."""

    seconds: Sequence[float]
    peak: int
    held: int

    def times(self, other: "Measured") -> float:
        """How many times the other's seconds it takes, in the median of runs side by side."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


@dataclass(frozen=True)
class Machine:
    """Everything measured on one machine; `device` is cpu or cuda."""

    device: str
    facts: Mapping[str, Any]

    def get(self, work: str, who: str, shape: Shape) -> Measured | None:
        """The measurement, if there was memory for it."""
        for row in self.facts["rows"]:
            found = row["work"], row["contestant"], row["batch"], row["length"]
            if found == (work, who, *shape) and row["seconds"]:
                return Measured(row["seconds"], row["peak"], row["held"])
        return None

    def shapes(self, work: str) -> list[Shape]:
        """Batches and lengths, in order."""
        rows = (row for row in self.facts["rows"] if row["work"] == work)
        return sorted({(row["batch"], row["length"]) for row in rows})


class Target(NamedTuple):
    """Something that must not be more than a limit, and what it is for one shape, if measured."""

    text: str
    limit: float
    work: str
    value: Callable[[Machine, str, Shape], float | None]
    shortest: int = 0


def _of(who: str) -> Callable[[Machine, str, Shape], float | None]:
    """Our time as a multiple of somebody else's."""

    def value(machine: Machine, work: str, shape: Shape) -> float | None:
        theirs = WORKS[work][1] if who == HF else work
        ours, other = machine.get(work, OURS, shape), machine.get(theirs, who, shape)
        return ours.times(other) if ours and other else None

    return value


def _memory(machine: Machine, work: str, shape: Shape) -> float | None:
    """Peak memory beyond HF's, as a multiple of what is cached."""
    ours, theirs = machine.get(work, OURS, shape), machine.get(WORKS[work][1], HF, shape)
    return (ours.peak - theirs.peak) / ours.held if ours and theirs else None


TARGETS = (
    Target("caching the residual stream, beside HF SDPA without", 1.1, "residual", _of(HF)),
    Target("caching the residual stream, beside TransformerLens, from 1,024 tokens", 0.5,
           "residual", _of(TL), 1024),
    Target("memory beyond HF SDPA's, beside what is cached", 1.1, "residual", _memory),
    Target("caching everything, beside TransformerLens", 1.0, "full", _of(TL)),
    Target("a hook on one pattern, beside TransformerLens", 1.0, "pattern", _of(TL)),
    Target("decoding, beside TransformerLens", 1.0, "decoding", _of(TL)),
    Target("decoding, beside HF SDPA", 1.3, "decoding", _of(HF)),
)  # fmt: skip


_BUILDS_HEAD = f"""\
## Builds

Medians of whole processes that `make bench` runs in turns: a build of 60 specs with nothing to do
beside `python -c pass`; with one spec changed beside black on that module; of 1,000 specs from
nothing beside one spec changed; and the memory of 1,000 specs beside that of 100. Machines differ:
ratios are what counts. `python tests/bench/bench.py --record` adds a row.

| commit | nothing to do | python | | one changed | black | | 1,000 cold \
| one changed | | MB of 1,000 | of 100 | |
|---|{"---:|" * 12}
| at most | | | 3.0 x | | | 1.0 x | | | 8 x | | | 1.5 x |
"""


def page(machines: Sequence[Machine]) -> str:
    """The text of performance.md."""
    lines = [HEAD.read_text(encoding="utf-8").rstrip()]
    for machine in machines:
        lines += ["", *_section(machine)]
    lines += ["", *_builds(json.loads(BUILDS.read_text(encoding="utf-8")))]
    return "\n".join(lines) + "\n"


def _builds(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Times of builds at some commits, each beside a command that ran in turns with it."""
    yield from _BUILDS_HEAD.splitlines()
    for row in rows:
        cells = [cell for work in ("fresh", "changed", "cold") for cell in _pair(row[work], "s")]
        yield f"| {' | '.join([row['commit'], *cells, *_pair(row['megabytes'], '')])} |"


def _pair(pair: Sequence[float], unit: str) -> list[str]:
    """Ours, theirs, and ours as a multiple of theirs."""
    ours, theirs = pair
    return [
        f"{ours:.3g} {unit}".rstrip(),
        f"{theirs:.3g} {unit}".rstrip(),
        f"{ours / theirs:.2f} x",
    ]


def _section(machine: Machine) -> Iterator[str]:
    facts = machine.facts
    config = ", ".join(f"{key} {value}" for key, value in facts["config"].items())
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    yield f"## {machine.device.upper()}"
    yield ""
    yield f"{facts['machine']}; {facts['dtype']}; {versions}. SmolLM3 of {config}."
    yield from ["", "| target | at most | worst | batch x tokens | |", "|---|---:|---:|---:|---|"]
    yield from (_judged(machine, target) for target in TARGETS)
    for plot in PLOTS:
        yield from ["", f"![{plot.title}]({plot.file(machine)})"]
    for work in WORKS:
        yield from _table(machine, work)


def _judged(machine: Machine, target: Target) -> str:
    shapes = [s for s in machine.shapes(target.work) if s[1] >= target.shortest]
    found = [(value, s) for s in shapes if (value := target.value(machine, target.work, s))]
    if not found:
        return f"| {target.text} | {target.limit} x | not measured | | |"
    worst, (batch, length) = max(found)
    met = sum(value <= target.limit for value, _ in found)
    verdict = "met" if met == len(found) else f"missed, met in {met} of {len(found)}"
    where = f"{batch} x {length:,}"
    return f"| {target.text} | {target.limit} x | {worst:.2f} x | {where} | {verdict} |"


def _table(machine: Machine, work: str) -> Iterator[str]:
    title, meanwhile = WORKS[work]
    yield from ["", f"### {title}", ""]
    yield (
        "| batch x tokens | HF SDPA | HF eager | TransformerLens | generated "
        "| MiB: HF SDPA | TransformerLens | generated | kept |"
    )
    yield f"|{'---:|' * 9}"
    for shape in machine.shapes(work):
        base = machine.get(meanwhile, HF, shape)
        if base is None:
            continue
        found = {who: machine.get(work, who, shape) for who in (TL, OURS)}
        found[EAGER] = machine.get(meanwhile, EAGER, shape)
        times = [_times(found[who], base) for who in (EAGER, TL, OURS)]
        peaks = [_mib(one and one.peak) for one in (base, found[TL], found[OURS])]
        ours = found[OURS]
        kept = _mib(ours and ours.held)
        where = f"{shape[0]} x {shape[1]:,}"
        first = f"{statistics.median(base.seconds):.3g} s"
        yield f"| {' | '.join([where, first, *times, *peaks, kept])} |"


def _times(measured: Measured | None, base: Measured) -> str:
    return f"{measured.times(base):.2f} x" if measured else "no memory"


def _mib(size: int | None) -> str:
    return "" if size is None else f"{size / _MIB:,.1f}"


class Plot(NamedTuple):
    """A quantity over the number of tokens, while the residual stream is cached, of one text."""

    name: str
    title: str
    unit: str
    value: Callable[[Measured, Measured], float]

    def file(self, machine: Machine) -> str:
        """The name of the plot's file."""
        return f"performance-{machine.device}-{self.name}.svg"


PLOTS = (
    Plot("time", "Time to cache the residual stream, as a multiple of HF SDPA's for logits alone",
         "x", lambda one, base: one.times(base)),
    Plot("memory", "Peak memory while the residual stream is cached", " MiB",
         lambda one, _: one.peak / _MIB),
)  # fmt: skip


def drawn(machine: Machine, plot: Plot) -> str:
    """The text of a plot: both axes are logarithmic."""
    shapes = [shape for shape in machine.shapes("residual") if shape[0] == 1]
    curves: dict[str, list[tuple[int, float]]] = {}
    for who, work in ((TL, "residual"), (OURS, "residual"), (HF, "forward")):
        points = []
        for shape in shapes:
            one, base = machine.get(work, who, shape), machine.get("forward", HF, shape)
            if one and base:
                points.append((shape[1], plot.value(one, base)))
        curves[who] = points
    values = [value for points in curves.values() for _, value in points]
    bounds = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
    ticks = [2.0**power for power in range(bounds[0], bounds[1] + 1)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    up = _scale([ticks[0], ticks[-1]], 300, 40)
    ends = {name: float(up(points[-1][1])) for name, points in curves.items() if points}
    return environment.get_template(PLOT).render(
        plot=plot,
        lengths=[length for _, length in shapes],
        ticks=ticks[:: 1 + len(ticks) // 9],
        curves=curves,
        across=_scale([float(length) for _, length in shapes], 84, 584),
        up=up,
        labels=_apart(ends),
    )


def _apart(ends: Mapping[str, float]) -> dict[str, str]:
    """Where the names of curves are written: beside their ends, or below the name above."""
    places: dict[str, str] = {}
    lowest = -math.inf
    for name in sorted(ends, key=lambda name: ends[name]):
        lowest = max(ends[name], lowest + _BETWEEN_NAMES)
        places[name] = f"{lowest:.1f}"
    return places


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], str]:
    """Where a value is drawn, between two places."""
    low, high = math.log2(min(values)), math.log2(max(values))
    span = (high - low) or 1.0
    return lambda value: f"{start + (end - start) * (math.log2(value) - low) / span:.1f}"


def machines() -> list[Machine]:
    """All that performance.yaml knows of."""
    record = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
    return [Machine(device, facts) for device, facts in record.items()]


def main() -> None:
    """Write the page and its plots."""
    measured = machines()
    PAGE.write_text(page(measured), encoding="utf-8")
    for machine in measured:
        for plot in PLOTS:
            (DOCS / plot.file(machine)).write_text(drawn(machine, plot), encoding="utf-8")


if __name__ == "__main__":
    main()
