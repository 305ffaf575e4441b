"""Writes comparison.md: each generated adapter beside the one that TransformerLens ships.

The numbers are those that measuring.py measures; explanations.yaml holds what a person found out
wherever TransformerLens' adapter shows more or is closer to HF. What no explanation there matches
is listed as unexplained.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby

import yaml
from pydantic import TypeAdapter

from docs.scripts import DOCS
from docs.scripts.bundled import output, specs
from docs.scripts.measuring import compared
from docs.scripts.sides import EQUAL, MEASURES, WRONG, Comparison, Loss, is_worse, shown, unnumbered


@dataclass(frozen=True)
class Explanation:
    """Why that is so; `specs` and `what` say which losses are meant, as a shell's patterns."""

    title: str
    reason: str
    specs: tuple[str, ...] = ("*",)
    what: tuple[str, ...] = ()

    def explains(self, loss: Loss) -> bool:
        """Whether a loss is meant."""
        return _any(loss.spec, self.specs) and _any(loss.what, self.what)


def _any(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def page(found: Sequence[Comparison], explanations: Sequence[Explanation], versions: str) -> str:
    """The text of comparison.md."""
    rows: dict[int, list[Loss]] = {}
    for loss in (loss for one in found for loss in one.losses):
        which = (i for i, one in enumerate(explanations) if one.explains(loss))
        rows.setdefault(next(which, -1), []).append(loss)
    losing = {loss.spec for losses in rows.values() for loss in losses}
    head = (DOCS / "comparison.head.md").read_text(encoding="utf-8")
    lines = [
        head.format(
            versions=versions,
            architectures=len(found),
            superset=sum(not one.only_theirs for one in found),
            more=sum(bool(one.only_ours) for one in found),
            unbeaten=len(found) - len(losing),
            unexplained=len(rows.get(-1, [])),
            spec_lines=_median(one.ours.lines[0] for one in found),
            generated=_median(one.generated for one in found),
            theirs=_median(sum(one.theirs.lines) for one in found),
        ),
        *_table(found),
        "",
        "## Where TransformerLens' adapter shows more, or something else",
        "",
    ]
    for i in sorted(i for i in rows if i >= 0):
        lines += [f"### {explanations[i].title}", "", explanations[i].reason, "", *_told(rows[i])]
    lines += ["### Unexplained", "", *(_told(rows[-1]) if -1 in rows else ["Nothing.", ""])]
    lines += ["## Where the generated adapter shows more, or is closer to HuggingFace", ""]
    return "\n".join([*lines, *_gains(found)]) + "\n"


def _table(found: Sequence[Comparison]) -> Iterator[str]:
    yield (
        "| spec | hooks | TL's | only ours | only TL's | values apart | logits | TL's | padded "
        "| TL's | compatibility mode | TL's | lines of spec | generated | TL's |"
    )
    yield f"|{'---|' * 15}"
    for one in found:
        cells = [one.spec, len(unnumbered(one.ours.hooks)), len(unnumbered(one.theirs.hooks))]
        cells += [len(one.only_ours), len(one.only_theirs)]
        cells.append(sum(not apart.shapes for apart in one.apart))
        for measure in MEASURES:
            cells += [shown(side.differences[measure]) for side in (one.ours, one.theirs)]
        cells += [_sum(one.ours.lines), one.generated, _sum(one.theirs.lines)]
        yield f"| {' | '.join(map(str, cells))} |"


def _told(all_losses: Sequence[Loss]) -> Iterator[str]:
    for spec, group in groupby(all_losses, key=lambda loss: loss.spec):
        told: dict[tuple[str, bool], list[Loss]] = {}
        for loss in group:
            told.setdefault((loss.said, bool(loss.here)), []).append(loss)
        parts = []
        for (said, elsewhere), losses in told.items():
            part = f"{braced([loss.what for loss in losses])} {said}"
            if elsewhere:
                part += f", of the values that {braced([loss.here for loss in losses])} show here"
            parts.append(part)
        yield f"- {spec}: {'; '.join(parts)}"
    yield ""


def _gains(found: Sequence[Comparison]) -> Iterator[str]:
    for one in found:
        told = []
        if one.only_ours:
            told.append(f"{braced(one.only_ours)} fire in the generated adapter only")
        for shapes, group in groupby(one.apart, key=lambda apart: apart.shapes):
            if shapes:
                hooks = braced([apart.hook for apart in group])
                told.append(f"{hooks} show TL's values in another shape, {shapes}")
        closer = [apart for apart in one.apart if apart.ours_is_closer]
        if closer:
            hooks = braced([apart.hook for apart in closer])
            worst = max(apart.theirs for apart in closer if apart.theirs is not None)
            off = "have other shapes" if worst == float("inf") else f"are off by {shown(worst)}"
            told.append(f"{hooks} show HF's values, TL's {off}")
        for measure in MEASURES:
            ours, theirs = one.ours.differences[measure], one.theirs.differences[measure]
            if is_worse(theirs, ours, EQUAL[measure]):
                told.append(f"{measure} {shown(ours)}, TL's {shown(theirs)}")
            elif isinstance(ours, str) and not isinstance(theirs, str) and theirs > WRONG:
                told.append(f"{measure} {ours}, where TL's is wrong by {shown(theirs)}")
        if told:
            yield f"- {one.spec}: {'; '.join(told)}"


def braced(hooks: Sequence[str]) -> str:
    """Names of hooks, those of one component together: `mlp.gate.{hook_in, hook_out}`."""
    parents: dict[str, list[str]] = {}
    for hook in dict.fromkeys(hooks):
        parent, dot, name = hook.rpartition(".")
        parents.setdefault(parent + dot, []).append(name)
    texts = [
        f"`{parent}{names[0] if len(names) == 1 else '{' + ', '.join(names) + '}'}`"
        for parent, names in parents.items()
    ]
    return ", ".join(texts)


def _sum(lines: tuple[int, int]) -> str:
    own, inherited = lines
    return f"{own} + {inherited}" if inherited else str(own)


def _median(numbers: Iterable[int]) -> int:
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2] if ordered else 0


def explanations() -> list[Explanation]:
    """The entries of explanations.yaml."""
    data = yaml.safe_load((DOCS / "explanations.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(list[Explanation]).validate_python(data)


def measured() -> list[Comparison]:
    """Every architecture of this project that TL has an adapter for."""
    return list(compared(specs(), output()))


def main() -> None:
    """Measure and write."""
    from adaptergen.verify.record import versions

    told = [f"{name} {versions()[name]}" for name in ("transformer_lens", "transformers", "torch")]
    text = page(measured(), explanations(), ", ".join(told))
    (DOCS / "comparison.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
