"""What a broken input is, and how a module is broken."""

from dataclasses import dataclass, field
from textwrap import indent
from typing import Any, TypeAlias

from adaptergen.targets.transformer_lens import support

Replacements: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """A spec with other values at some paths, a module with texts replaced, or both.

    `expected` maps failing checks to a part of their message; `layer` is the first layer that the
    first of them blames. With `only`, nothing else fails in the full battery, and `because` says
    why no fewer checks can, where there are several. Attention is never left to HF, unless `fused`.
    """

    name: str
    expected: dict[str, str]
    spec: str = "smollm3"
    replace: Replacements = ()
    change: dict[str, Any] = field(default_factory=dict)
    layer: int | None = None
    only: bool = False
    fused: bool = False
    because: str = ""


FLAGS = 'self.cfg.attn_implementation = "eager"'
ATTENTION = "PositionEmbeddingsAttentionBridge(\n                        name"
MLP = "GatedMLPBridge(\n                        name"
_IMPORT = "from .hook_aware import"
# What is imported there and behind it, and is needed before.
_SHARED = "".join(f"from .{name} import *\n" for name in support.MODULES)
_END = '            "unembed": UnembeddingBridge(name="lm_head"),\n        }\n'

# Hook points, wrong in one way each. What they add and take away again is so little, or a power of
# two, that nothing is lost in 16 bits.
_HOOK_POINTS = '''
from transformer_lens.hook_points import HookPoint


class _Deaf(HookPoint):
    """Shows a value, and throws edits of it away."""

    def __call__(self, x):
        super().__call__(x.clone())
        return x


class _Doubled(HookPoint):
    """Shows twice the value, and takes half of what an edit makes of it."""

    def __call__(self, x):
        return super().__call__(2 * x) / 2


class _Shifted(HookPoint):
    """Shows a little more than the value."""

    def __call__(self, x):
        return super().__call__(x + 1e-6) - 1e-6


class _Reversed(HookPoint):
    """Shows the last axis the other way round."""

    def __call__(self, x):
        return super().__call__(x.flip(-1)).flip(-1)


class _Detached(HookPoint):
    """Gets no gradient."""

    def __call__(self, x):
        return x + (super().__call__(x) - x).detach()


def _later(kind):
    """The same kind of hook point, right in the first layer, where modules are put in its place."""

    class Later(kind):
        def __call__(self, x):
            first = self.name.startswith("blocks.0.")
            return HookPoint.__call__(self, x) if first else super().__call__(x)

    return Later
'''


# The start of a method, and what every such method has to do.
PREPARING = """
    def prepare_model(self, hf_model: Any) -> None:
        super().prepare_model(hf_model)
        """


def swapped(one: str, other: str) -> Replacements:
    """Replacements that exchange two texts."""
    return ((one, other), (other, one))


def appended(code: str) -> Replacements:
    """A replacement that adds code at the end of the adapter class."""
    return ((_END, _END + code),)


def part(call: str, body: str) -> Replacements:
    """Replacements that put a subclass with this body where a component is made by this call."""
    base = call.partition("(")[0]
    code = f"{_SHARED}{_HOOK_POINTS}\n\nclass _Part({base}):\n{indent(body, '    ')}\n\n{_IMPORT}"
    return ((_IMPORT, code), (call, call.replace(base, "_Part", 1)))


def made(call: str, change: str) -> Replacements:
    """Replacements that change each component which is made by this call, in place."""
    base = call.partition("(")[0]
    code = (
        f"{_SHARED}{_HOOK_POINTS}\n\ndef _made(*args, **kwargs):\n"
        f"    part = {base}(*args, **kwargs)\n{indent(change, '    ')}\n    return part\n\n"
        f"{_IMPORT}"
    )
    return ((_IMPORT, code), (call, call.replace(base, "_made", 1)))


def hook(call: str, name: str, kind: str) -> Replacements:
    """Replacements that give a component one of the hook points above."""
    return made(call, f"part.{name} = {kind}()")


def norms(output: str, when: str, call: str = "RMSNormalizationBridge(name=") -> Replacements:
    """Replacements for norms `m` whose output `out` of an input `x` is another under a condition.

    `REBUILT` is a condition: whether somebody edits what is normalised, and nobody else listens.
    """
    changed = f"lambda m, args, out: ({output.replace('x', 'args[0]')}) if {when} else out"
    return made(call, f"part.register_forward_hook({changed})")


# A module in a hook point's place listens, and has no list of hooks.
REBUILT = (
    "getattr(m.hook_normalized, 'fwd_hooks', True) and not getattr(m.hook_in, 'fwd_hooks', True)"
)


def weight(call: str, name: str) -> Replacements:
    """Replacements that give a component a property which is twice the right weight."""
    return part(call, f"@property\ndef {name}(self):\n    return 2 * super().{name}\n")


def drifting(when: str, by: str = "1e-6") -> Replacements:
    """Replacements for attention that is off by a little, on some inputs only and in float64.

    The condition may name the numbers of `queries` and `keys`, whether there is padding on the
    `left` or the `right`, and how many tokens of it, in `padding`.
    """
    return part(
        ATTENTION,
        "def forward(self, hidden_states, attention_mask, **kwargs):\n"
        "    output, pattern = super().forward(\n"
        "        hidden_states=hidden_states, attention_mask=attention_mask, **kwargs\n"
        "    )\n"
        "    hidden = attention_mask[:, 0, -1] < 0\n"
        "    queries, keys = attention_mask.shape[-2:]\n"
        "    left, right = hidden[:, 0].any(), hidden[:, -1].any()\n"
        "    padding = hidden.sum(-1).max()\n"
        f"    drifts = output.dtype.itemsize == 8 and ({when})\n"
        f"    return (output + {by} if drifts else output), pattern\n",
    )


def losing_bits(condition: str) -> Replacements:
    """Replacements for an adapter whose logits have 8 bits, where the condition holds."""
    return appended(
        f"{PREPARING}"
        "def lose_bits(module: Any, given: Any, out: Any) -> Any:\n"
        "            short = out.to(torch.float8_e5m2).to(out.dtype)\n"
        f"            return short if {condition} else out\n\n"
        "        hf_model.lm_head.register_forward_hook(lose_bits)\n"
    )
