"""Wrong modules: a generated adapter with one thing in its syntax tree dropped, swapped or changed.

Each function breaks a tree in place, yields a name and a description of what is wrong, and mends
the tree when it is asked for the next one.
"""

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

Wrong: TypeAlias = Iterator[tuple[str, str]]

_COMPONENTS = "transformer_lens.model_bridge.generalized_components"

# Bridges that an author could take for each other.
_MISTAKABLE = {
    "BlockBridge": ("ParallelBlockBridge",),
    "EmbeddingBridge": ("PosEmbedBridge",),
    "GatedMLPBridge": ("MLPBridge",),
    "JointGateUpMLPBridge": ("MLPBridge",),
    "LinearBridge": ("Conv1DBridge",),
    "MLPBridge": ("GatedMLPBridge",),
    "MoEBridge": ("MLPBridge",),
    "MoERouterBridge": ("LinearBridge",),
    "NormalizationBridge": ("RMSNormalizationBridge",),
    "ParallelBlockBridge": ("BlockBridge",),
    "PositionEmbeddingsAttentionBridge": ("AttentionBridge",),
    "RMSNormalizationBridge": ("NormalizationBridge",),
    "ScaledResidualBlockBridge": ("BlockBridge",),
    "UnembeddingBridge": ("LinearBridge",),
}

# Wrong values of flags, by the right one; booleans are negated.
_OTHER_VALUES = {
    "RMS": "LN",
    "LN": "RMS",
    "rotary": "standard",
    "right": "left",
    "left": "right",
    "eager": "sdpa",
}

# Flags of TL's config that describe other architectures, with a value that belongs to those.
_FOREIGN_FLAGS = {
    "gated_q_proj": True,
    "output_logits_soft_cap": 2.0,
    "parallel_attn_mlp": True,
    "qk_norm_after_rope": True,
    "rmsnorm_uses_offset": True,
    "rotary_adjacent_pairs": True,
    "rotary_interleaved_cos_sin": True,
}


class _Entry(NamedTuple):
    """One component of the mapping: its dotted name, the call that makes it, its siblings."""

    name: str
    call: ast.Call
    siblings: ast.Dict
    place: int

    @property
    def bridge(self) -> str:
        return ast.unparse(self.call.func)

    def keyword(self, name: str) -> ast.keyword | None:
        return next((k for k in self.call.keywords if k.arg == name), None)


def broken(code: str) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of each wrong module that can be made of a right one."""
    tree = ast.parse(code)
    for breaks in _BREAKS:
        for name, description in breaks(tree):
            yield name.lower(), description, ast.unparse(tree)


@contextmanager
def _without(items: list[Any], index: int) -> Iterator[None]:
    item = items.pop(index)
    empty = not items and isinstance(item, ast.stmt)
    items += [ast.Pass()] if empty else []
    yield
    if empty:
        items.clear()
    items.insert(index, item)


@contextmanager
def _with(items: list[Any], index: int, item: Any) -> Iterator[None]:
    items.insert(index, item)
    yield
    del items[index]


@contextmanager
def _changed(node: Any, attribute: str, value: object) -> Iterator[None]:
    before = getattr(node, attribute)
    setattr(node, attribute, value)
    yield
    setattr(node, attribute, before)


@contextmanager
def _exchanged(one: list[Any], other: list[Any]) -> Iterator[None]:
    one[-1], other[-1] = other[-1], one[-1]
    yield
    one[-1], other[-1] = other[-1], one[-1]


def _components_dropped(tree: ast.Module) -> Wrong:
    for entry in _entries(tree):
        keys, values = entry.siblings.keys, entry.siblings.values
        with _without(keys, entry.place), _without(values, entry.place):
            yield f"mapping.{entry.name}.dropped", f"no component {entry.name}"


def _components_swapped(tree: ast.Module) -> Wrong:
    for one, other in combinations(_entries(tree), 2):
        first, second = one.keyword("name"), other.keyword("name")
        if one.siblings is not other.siblings or one.bridge != other.bridge:
            continue
        if first and second:
            role = other.name.rpartition(".")[2]
            with _changed(first, "value", second.value), _changed(second, "value", first.value):
                yield f"mapping.{one.name}-{role}.swapped", f"{one.name} and {role} are swapped"


def _bridges_mistaken(tree: ast.Module) -> Wrong:
    bases = {node.name: [ast.unparse(base) for base in node.bases] for node in _classes(tree)}
    for entry in _entries(tree):
        for other in (*_MISTAKABLE.get(entry.bridge, ()), *bases.get(entry.bridge, ())):
            name = ast.Name(other)
            imported = ast.ImportFrom(_COMPONENTS, [ast.alias(other)], 0)
            with _changed(entry.call, "func", name), _with(tree.body, 1, imported):
                short = other.removesuffix("Bridge")
                yield f"mapping.{entry.name}.as_{short}", f"{entry.name} is a {other}"


def _arguments_dropped(tree: ast.Module) -> Wrong:
    for entry in _entries(tree):
        for index, keyword in enumerate(entry.call.keywords):
            if keyword.arg in ("name", "submodules"):
                continue
            name = f"mapping.{entry.name}.{keyword.arg}"
            with _without(entry.call.keywords, index):
                yield f"{name}.dropped", f"{entry.name} is not given {keyword.arg}"
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, bool):
                other = not keyword.value.value
                with _changed(keyword.value, "value", other):
                    yield f"{name}.{other}", f"{entry.name} is given {keyword.arg}={other}"


def _flags_dropped(tree: ast.Module) -> Wrong:
    for body, index, flag, _ in _flags(tree):
        with _without(body, index):
            yield f"flags.{flag}.dropped", f"cfg.{flag} is not set"


def _flags_changed(tree: ast.Module) -> Wrong:
    for _, _, flag, constant in _flags(tree):
        value = constant.value
        other = not value if isinstance(value, bool) else _OTHER_VALUES.get(str(value))
        if other is not None:
            with _changed(constant, "value", other):
                yield f"flags.{flag}.{other}", f"cfg.{flag} is {other!r}, not {value!r}"


def _flags_added(tree: ast.Module) -> Wrong:
    flags = list(_flags(tree))
    known = {flag.rpartition(".")[2] for _, _, flag, _ in flags}
    body, index, *_ = flags[0]
    for flag, value in _FOREIGN_FLAGS.items():
        if flag not in known:
            statement = ast.parse(f"self.cfg.{flag} = {value!r}").body[0]
            with _with(body, index, statement):
                yield f"flags.{flag}.added", f"cfg.{flag} is set to {value!r}"


def _steps_changed(tree: ast.Module) -> Wrong:
    """A weight-processing step that the adapter forbids or allows against the spec."""
    (adapter,) = [node for node in _classes(tree) if node.name.endswith("Adapter")]
    for step in ("fold_ln", "center_writing_weights", "compatibility_mode"):
        attribute = f"supports_{step}"
        found = [n for n in adapter.body if ast.unparse(n).startswith(f"{attribute} =")]
        for statement in found:
            with _without(adapter.body, adapter.body.index(statement)):
                yield f"steps.{step}.allowed", f"{attribute} is not False"
        if not found:
            statement = ast.parse(f"{attribute} = False").body[0]
            with _with(adapter.body, 1, statement):
                yield f"steps.{step}.forbidden", f"{attribute} is False"


def _conversions_dropped(tree: ast.Module) -> Wrong:
    found = _assigned(tree, "self.weight_processing_conversions")
    for key, index in _conversions(found):
        with _without(found.keys, index), _without(found.values, index):
            yield f"conversions.{key}.dropped", f"no conversion of {key}"
    with _changed(found, "keys", []), _changed(found, "values", []):
        yield "conversions.dropped", "no conversions at all"


def _conversions_changed(tree: ast.Module) -> Wrong:
    found = _assigned(tree, "self.weight_processing_conversions")
    for key, index in _conversions(found):
        for node in ast.walk(found.values[index]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _patterns_changed(key, node)
            if isinstance(node, ast.keyword) and node.arg == "n":
                right = ast.unparse(node.value)
                wrong = "n_heads" if right == "n_key_value_heads" else "n_key_value_heads"
                with _changed(node, "value", ast.Name(wrong)):
                    yield f"conversions.{key}.{wrong}", f"{key} is split by {wrong}"


def _patterns_changed(key: str, pattern: ast.Constant) -> Wrong:
    right = pattern.value
    assert isinstance(right, str)
    source, arrow, target = right.partition(" -> ")
    axes = target.split()
    others = {
        "interleaved": right.replace("(n h)", "(h n)"),
        "transposed": source + arrow + " ".join([axes[0], *reversed(axes[1:])]),
    }
    for word, wrong in others.items():
        if wrong != right:
            with _changed(pattern, "value", wrong):
                yield f"conversions.{key}.{word}", f"{key} is rearranged by '{wrong}'"


def _alternatives_dropped(tree: ast.Module) -> Wrong:
    """`one or other` with only one of them left."""
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BoolOp):
            target = ast.unparse(statement.targets[0])
            for word, value in zip(("first", "second"), statement.value.values, strict=False):
                with _changed(statement, "value", value):
                    yield f"{target}.{word}_only", f"{target} is {ast.unparse(value)}"


def _bridge_class_changed(tree: ast.Module) -> Wrong:
    """The module's own bridge class without one of its parts."""
    for node in _classes(tree):
        if node.name.endswith("Adapter"):
            continue
        for index, statement in enumerate(node.body):
            part = _name_of(statement)
            if part:
                with _without(node.body, index):
                    yield f"bridge.{part}.dropped", f"{node.name} has no {part}"
        for inner in ast.walk(node):
            yield from _part_changed(inner)


def _part_changed(node: ast.AST) -> Wrong:
    if isinstance(node, ast.Return) and ast.unparse(node).startswith("return bool("):
        assert node.value is not None
        with _changed(node, "value", ast.UnaryOp(ast.Not(), node.value)):
            yield "bridge.policy.negated", "layers rotate where they should not and the reverse"
        with _changed(node, "value", ast.Constant(False)):
            yield "bridge.policy.never", "no layer rotates"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().forward":
        for index, keyword in enumerate(node.keywords):
            word = keyword.arg or "kwargs"
            with _without(node.keywords, index):
                yield f"bridge.forward.{word}.dropped", f"attention is not handed {word}"


def _layouts_changed(tree: ast.Module) -> Wrong:
    """The norms and the block's bridge that a config key decides, the wrong way round or others."""
    for number, body in enumerate(_layouts(tree)):
        for statement in body:
            value = statement.value if isinstance(statement, ast.AnnAssign) else None
            for other in _MISTAKABLE.get(ast.unparse(value), ()) if value else ():
                with _changed(statement, "value", ast.Name(other)):
                    short = other.removesuffix("Bridge")
                    yield f"layouts.{number}.as_{short}", f"layout {number} is a {other}"
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and node.orelse and _layouts(node):
            with _changed(node, "test", ast.UnaryOp(ast.Not(), node.test)):
                yield "layouts.swapped", "blocks have the layout of the other setting"


def _methods_dropped(tree: ast.Module) -> Wrong:
    """What the adapter overrides beside its initialisation, left out."""
    (adapter,) = [node for node in _classes(tree) if node.name.endswith("Adapter")]
    for index, statement in enumerate(adapter.body):
        if isinstance(statement, ast.FunctionDef) and statement.name != "__init__":
            with _without(adapter.body, index):
                yield f"adapter.{statement.name}.dropped", f"{adapter.name} has no {statement.name}"


def _steps_dropped(tree: ast.Module) -> Wrong:
    """One thing that the adapter does to HF's model, or to its logits, left out."""
    (adapter,) = [node for node in _classes(tree) if node.name.endswith("Adapter")]
    for method in adapter.body:
        if not isinstance(method, ast.FunctionDef) or method.name == "__init__":
            continue
        for node in ast.walk(method):
            for index, statement in enumerate(getattr(node, "body", ())):
                does = _effect_of(statement)
                if does:
                    name = re.sub(r"[^a-z0-9_.]+", "", does.lower()).strip(".")
                    with _without(node.body, index):  # type: ignore[attr-defined]
                        yield f"adapter.{method.name}.{name}.dropped", f"{does} is left out"


def _parts_swapped(tree: ast.Module) -> Wrong:
    """Queries, keys and values that are cut out of a fused projection, taken for each other."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            pairs = [pair.elts for pair in node.iter.elts if isinstance(pair, ast.Tuple)]
            for one, other in combinations(pairs, 2):
                names = f"{ast.unparse(one[-1])}-{ast.unparse(other[-1])}"
                with _exchanged(one, other):
                    yield f"adapter.parts.{names}.swapped", f"{names} are the wrong way round"


def _base_uninitialised(tree: ast.Module) -> Wrong:
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for index, statement in enumerate(node.body):
            if ast.unparse(statement) == "super().__init__(cfg)":
                with _without(node.body, index):
                    yield "init.dropped", "the base class is not initialised"


_BREAKS: tuple[Callable[[ast.Module], Wrong], ...] = (
    _components_dropped,
    _components_swapped,
    _bridges_mistaken,
    _arguments_dropped,
    _flags_dropped,
    _flags_changed,
    _flags_added,
    _steps_changed,
    _conversions_dropped,
    _conversions_changed,
    _alternatives_dropped,
    _bridge_class_changed,
    _layouts_changed,
    _methods_dropped,
    _steps_dropped,
    _parts_swapped,
    _base_uninitialised,
)


def _entries(tree: ast.Module) -> list[_Entry]:
    """Every component of the mapping, parents before their parts; norms of layouts last."""
    found = list(_below("", _assigned(tree, "self.component_mapping")))
    for number, body in enumerate(_layouts(tree)):
        for statement in body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Dict):
                found += _below(f"layouts.{number}.", statement.value)
    return found


def _below(prefix: str, components: ast.Dict) -> Iterator[_Entry]:
    for index, (key, call) in enumerate(zip(components.keys, components.values, strict=True)):
        if key is None:
            # The norms of a layout, unpacked.
            continue
        assert isinstance(key, ast.Constant)
        assert isinstance(key.value, str)
        assert isinstance(call, ast.Call)
        entry = _Entry(f"{prefix}{key.value}", call, components, index)
        yield entry
        parts = entry.keyword("submodules")
        if parts and isinstance(parts.value, ast.Dict):
            yield from _below(f"{entry.name}.", parts.value)


def _conversions(found: ast.Dict) -> Iterator[tuple[str, int]]:
    """Short name and index of each conversion, such as `attn.q.weight`."""
    for index, key in enumerate(found.keys):
        assert isinstance(key, ast.Constant)
        assert isinstance(key.value, str)
        yield key.value.removeprefix("blocks.{i}."), index


def _flags(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], int, str, ast.Constant]]:
    """Where each flag of the config is set, its name and its value; those of layouts last."""
    bodies = [("", node.body) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    bodies += [(f"layouts.{number}.", body) for number, body in enumerate(_layouts(tree))]
    for prefix, body in bodies:
        for index, statement in enumerate(body):
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
                target = ast.unparse(statement.targets[0])
                if target.startswith("self.cfg."):
                    flag = target.removeprefix("self.cfg.")
                    yield body, index, f"{prefix}{flag}", statement.value


def _layouts(tree: ast.AST) -> list[list[ast.stmt]]:
    """What each layout that a config key decides sets, in the order of the module."""
    branches = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    bodies = [body for node in branches for body in (node.body, node.orelse)]
    return [body for body in bodies if any(isinstance(one, ast.AnnAssign) for one in body)]


def _effect_of(statement: ast.stmt) -> str:
    """What a statement sets or calls beyond local names; nothing for other statements."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
        return ast.unparse(statement.targets[0])
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func)
    return ""


def _assigned(tree: ast.Module, target: str) -> ast.Dict:
    """The dictionary assigned to a target."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == target:
            assert isinstance(node.value, ast.Dict)
            return node.value
    return ast.Dict([], [])


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _name_of(statement: ast.stmt) -> str:
    """What a statement of a class body defines; nothing for a docstring."""
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0])
    return statement.name if isinstance(statement, ast.FunctionDef) else ""
