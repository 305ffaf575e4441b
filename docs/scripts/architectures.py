"""Measures every architecture that has a spec: generated/architectures.json, and its page.

Verification says how far each adapter is from HF, TransformerLens which classes it has adapters
for. docs/architectures.md is made from that and the specs.
"""

import argparse
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from adaptergen.cli import ExitStatus
from adaptergen.cli import main as adaptergen
from adaptergen.commands.architectures import (
    FILE,
    Measurement,
    body_digest,
    measurements_text,
    read_measurements,
)
from adaptergen.spec.load import LoadedSpec
from docs.scripts import DOCS, ROOT
from docs.scripts.bundled import module_of, output, specs

PAGE = DOCS / "architectures.md"
HEAD = DOCS / "architectures.head.md"
# Where specs and modules are, for the page, which is read on a site of its own.
SOURCE = "https://github.com/adaptergen/adaptergen/blob/main"
_COLUMNS = (
    "architecture",
    "spec",
    "extends",
    "what it is",
    "hooks",
    "checks",
    "known failures",
    "worst difference",
)

Measurements = Mapping[str, Measurement]


def measure(specs: Sequence[LoadedSpec], records: Path, jobs: int) -> dict[str, Measurement]:
    """Verify each spec's module, and count its hooks; what the records hold already stays."""
    from adaptergen.verify.document import read_records

    names = [spec.name for spec in specs]
    options = ["--jobs", str(jobs), "--json", str(records), "--resume"]
    status = adaptergen(["verify", *names, *options])
    if status == ExitStatus.USAGE:
        raise SystemExit(status)
    found = {record.spec: record for record in read_records(str(records))}
    measured = {}
    for spec in specs:
        record, module = found[spec.name], module_of(spec)
        measured[spec.name] = Measurement(
            module=body_digest(str(module)),
            shipped=shipped(spec),
            hooks=hooks(spec, module) if record.passed else 0,
            passed=record.passed,
            checks=len(record.ran),
            worst=record.worst or 0.0,
            versions=record.versions,
            known=tuple(result.check for result in record.known),
        )
    return measured


def shipped(spec: LoadedSpec) -> str:
    """The name by which TL has an adapter for the class, which it may spell as checkpoints do."""
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

    known = {name.lower(): name for name in SUPPORTED_ARCHITECTURES}
    found = (known.get(name.lower(), "") for name in spec.spec.architectures)
    return next(filter(None, found), "")


def hooks(spec: LoadedSpec, module: Path) -> int:
    """How many hooks fire in a layer, in that with the most of them."""
    from adaptergen.verify.precision import comparable
    from adaptergen.verify.subject import Subject

    with comparable():
        subject = Subject(spec.spec, str(module))
        fired = subject.trace.fired
        starts = [f"blocks.{number}." for number in subject.layers]
        return max(sum(name.startswith(start) for name in fired) for start in starts)


def is_expert(spec: LoadedSpec) -> bool:
    """Whether it is a mixture of experts."""
    return spec.spec.mlp.kind == "moe"


GROUPS: tuple[tuple[str, Callable[[LoadedSpec, Measurement], bool]], ...] = (
    (
        "Dense, with a hand-written adapter in TransformerLens too",
        lambda spec, measured: bool(measured.shipped) and not is_expert(spec),
    ),
    (
        "Mixtures of experts, with a hand-written adapter in TransformerLens too",
        lambda spec, measured: bool(measured.shipped) and is_expert(spec),
    ),
    ("Not in TransformerLens", lambda spec, measured: not measured.shipped),
)


def page(specs: Sequence[LoadedSpec], measured: Measurements) -> str:
    """The text of architectures.md."""
    head = HEAD.read_text(encoding="utf-8")
    summary = paragraph(specs, measured)
    lines = [head.format(summary=summary, versions=_versions(measured)).rstrip()]
    for title, belongs in GROUPS:
        inside = [spec for spec in specs if belongs(spec, measured[spec.name])]
        lines += ["", f"## {title}", "", *_table(inside, measured)]
    return "\n".join(lines) + "\n"


def _table(specs: Sequence[LoadedSpec], measured: Measurements) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for spec in specs:
        found = measured[spec.name]
        architecture = f"[{spec.spec.architecture}]({SOURCE}/generated/{spec.name}.py)"
        name = f"[{spec.name}]({SOURCE}/specs/{spec.name}.yaml)"
        parent = Path(spec.parents[0]).stem if spec.parents else ""
        cells = [architecture, name, parent, spec.spec.summary, str(found.hooks)]
        worst = f"{found.worst:.1e}" if found.passed else "**failed**"
        yield f"| {' | '.join([*cells, str(found.checks), ', '.join(found.known), worst])} |"


def _versions(measured: Measurements) -> str:
    told = {
        ", ".join(f"{name} {version}" for name, version in found.versions.items())
        for found in measured.values()
    }
    return "; ".join(sorted(told))


def paragraph(specs: Sequence[LoadedSpec], measured: Measurements) -> str:
    """How many there are, and which of them TransformerLens lacks."""
    dense, experts, lacking = (
        [
            spec.spec.architecture.removesuffix("ForCausalLM")
            for spec in specs
            if belongs(spec, measured[spec.name])
        ]
        for _, belongs in GROUPS
    )
    passed = sum(found.passed for found in measured.values())
    verified = " and" if passed == len(specs) else f", {passed} of them also"
    known = sum(bool(found.known) for found in measured.values())
    failing = f" ({known} with a known failure)" if known else ""
    text = (
        f"{len(specs)} architectures have a spec{verified} a verified adapter{failing}. "
        "TransformerLens has "
        f"hand-written adapters for {len(dense)} dense ones and {len(experts)} mixtures of experts "
        f"among them; the other {len(lacking)} it lacks: {', '.join(lacking)}."
    )
    return textwrap.fill(text, 105, break_long_words=False, break_on_hyphens=False)


def committed() -> dict[str, Measurement]:
    """The measurements as they are in the project."""
    return read_measurements(str(output()))


def fresh(specs: Sequence[LoadedSpec], measured: Measurements) -> dict[str, Measurement]:
    """The measurements that are of modules as they are now."""
    now = {spec.name: body_digest(str(module_of(spec))) for spec in specs}
    return {spec: found for spec, found in measured.items() if now.get(spec) == found.module}


def write_page(specs: Sequence[LoadedSpec], measured: Measurements) -> None:
    """Write what is derived from specs and measurements."""
    PAGE.write_text(page(specs, measured), encoding="utf-8")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stale", action="store_true", help="only modules that have changed")
    parser.add_argument(
        "--records", type=Path, default=ROOT / ".architectures.json", metavar="FILE"
    )
    arguments = parser.parse_args()
    found = specs()
    kept = fresh(found, committed()) if arguments.stale else {}
    missing = [spec for spec in found if spec.name not in kept]
    new = measure(missing, arguments.records, arguments.jobs) if missing else {}
    measured = {**kept, **new}
    text = measurements_text(measured)
    (output() / FILE).write_text(text, encoding="utf-8")
    write_page(found, measured)


if __name__ == "__main__":
    main()
