"""Do all hooks fire, and do they show what their names say?"""

from collections.abc import Iterator

from adaptergen.verify.check import Evidence, Fact, check, largest_difference
from adaptergen.verify.divergence import difference_at, traced
from adaptergen.verify.heads import look_at_steps, look_inside
from adaptergen.verify.stage import Part
from adaptergen.verify.subject import Subject

_PATTERN = ("attn.hook_attn_scores", "attn.hook_pattern")
_SUMS = (("resid_pre", "attn_out", "resid_mid"), ("resid_mid", "mlp_out", "resid_post"))
_PARALLEL_SUMS = (("resid_pre", "attn_out", "mlp_out", "resid_post"),)
_ROTATION = ("attn.hook_rot_q", "attn.hook_rot_k")


@check("hooks.inventory", "Every hook of the spec's facets fires once, with the right shape.")
def inventory(subject: Subject) -> Iterator[Evidence]:
    """Shapes are those of HF's values, heads split."""
    trace = subject.trace
    for stage in subject.stages:
        if stage.name not in trace.existing:
            yield Fact(False, f"has no hook '{stage.hook}'", stage.layer, stage.claim)
            continue
        times = trace.fired.get(stage.name, 0)
        wanted = "once" if stage.times == 1 else f"{stage.times} times"
        text = f"{stage.hook} fired {times} times in one pass, not {wanted}"
        yield Fact(times == stage.times, text, stage.layer, stage.claim)
        value = trace.values.get(stage.name)
        if value is not None:
            ours, theirs = tuple(value.shape), tuple(stage.theirs.shape)
            text = f"{stage.hook} has shape {ours}, not {theirs}"
            yield Fact(ours == theirs, text, stage.layer, stage.claim)


@check("hooks.stream", "Embedding and residual hooks show HF's values.")
def stream(subject: Subject) -> Iterator[Evidence]:
    """Includes the input and output of each block."""
    yield from _values(subject, "stream")


@check("hooks.norms", "The hooks around each norm show HF's values.")
def norms(subject: Subject) -> Iterator[Evidence]:
    """Sees a norm that is mapped to another one."""
    yield from _values(subject, "norm")


@check("hooks.attention", "Queries, keys, values and head outputs are HF's.")
def attention(subject: Subject) -> Iterator[Evidence]:
    """Sees projections that are mapped to each other."""
    yield from _values(subject, "attention", leaving_out=(*_PATTERN, *_ROTATION))


@check("hooks.rotation", "Queries and keys are rotated where HF rotates, and nowhere else.")
def rotation(subject: Subject) -> Iterator[Evidence]:
    """HF's side is its own queries and keys, turned by the angles it hands to that layer."""
    look_at_steps(subject.spec)
    yield from _values(subject, "attention", only=_ROTATION)


@check("hooks.pattern", "Attention scores and patterns are HF's.")
def pattern(subject: Subject) -> Iterator[Evidence]:
    """HF returns its patterns itself."""
    look_inside(subject.spec)
    yield from _values(subject, "attention", only=_PATTERN)


@check("hooks.mlp", "Gate, input and output activations of the MLP are HF's.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """Sees gate and input that are mapped to each other."""
    yield from _values(subject, "mlp")


@check("hooks.identities", "Each layer's residual hooks add up.", claim="block.topology")
def identities(subject: Subject) -> Iterator[Evidence]:
    """Within the bridge: resid_pre + attn_out = resid_mid, resid_mid + mlp_out = resid_post.

    In parallel blocks there is no stream in between, and both are added at once.
    """
    values = subject.trace.values
    for number in subject.layers:
        for *parts, end in _SUMS if f"blocks.{number}.hook_resid_mid" in values else _PARALLEL_SUMS:
            names = [f"blocks.{number}.hook_{part}" for part in (*parts, end)]
            if all(name in values for name in names):
                *summands, total = (values[name] for name in names)
                difference = largest_difference(sum(summands[1:], summands[0]), total)
                text = f"{' + '.join(parts)} is not {end}, off by {difference:.1e}"
                yield Fact(difference < 1e-9, text, number)


def _values(
    subject: Subject,
    part: Part,
    only: tuple[str, ...] = (),
    leaving_out: tuple[str, ...] = (),
) -> Iterator[Evidence]:
    for stage in subject.stages:
        chosen = stage.hook in only if only else stage.hook not in leaving_out
        if stage.part != part or not stage.exact or not chosen:
            continue
        difference = difference_at(subject, stage)
        if difference is not None:
            yield traced(subject, stage.hook, difference, stage.layer, stage.claim)
