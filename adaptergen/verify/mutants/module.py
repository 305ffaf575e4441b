"""Wrong modules: a generated adapter with one thing in its syntax tree dropped, swapped or changed.

Each function breaks a tree in place, yields a name and a description of what is wrong, and mends
the tree when it is asked for the next one.
"""

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import combinations

from adaptergen.verify.mutants import config
from adaptergen.verify.mutants.beside import imported_changed
from adaptergen.verify.mutants.fused import BASE, attentions_asked
from adaptergen.verify.mutants.multipliers import scale_mistaken
from adaptergen.verify.mutants.syntax import (
    Wrong,
    assigned,
    changed,
    classes,
    conversions,
    effect_of,
    entries,
    is_block_bridge,
    layouts,
    name_of,
    with_item,
    without,
)

_COMPONENTS = "transformer_lens.model_bridge.generalized_components"

# Bridges that an author could take for each other.
_MISTAKABLE = {
    "BlockBridge": ("ParallelBlockBridge",),
    "DelegatedAttentionBridge": ("AttentionBridge",),
    "EmbeddingBridge": ("PosEmbedBridge",),
    "GatedMLPBridge": ("MLPBridge",),
    "HookAwareAttentionBridge": ("PositionEmbeddingsAttentionBridge",),
    "JointGatedMLPBridge": ("GatedMLPBridge",),
    "LinearBridge": ("Conv1DBridge",),
    "MLPBridge": ("GatedMLPBridge",),
    "MoEBridge": ("MLPBridge",),
    "MoERouterBridge": ("LinearBridge",),
    "NormalizationBridge": ("RMSNormalizationBridge",),
    "ParallelBlockBridge": ("BlockBridge",),
    "PartBridge": ("LinearBridge",),
    "PositionEmbeddingsAttentionBridge": ("AttentionBridge",),
    "PostNormBlockBridge": ("ParallelBlockBridge",),
    "RMSNormalizationBridge": ("NormalizationBridge",),
    "ScaledResidualBlockBridge": ("BlockBridge",),
    "UnembeddingBridge": ("LinearBridge",),
}

# Calls by which a bridge of the module hands its arguments on.
_HANDING_ON = ("super().forward", "super().reconstructed")

_UNASKED = "def preprocess_weights(self, state_dict):\n    return state_dict"


def broken(code: str) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of each wrong module that can be made of a right one."""
    tree = ast.parse(code)
    for breaks in _BREAKS:
        for name, description in breaks(tree):
            yield name.lower(), description, ast.unparse(tree)


def _components_dropped(tree: ast.Module) -> Wrong:
    for entry in entries(tree):
        keys, values = entry.siblings.keys, entry.siblings.values
        with without(keys, entry.place), without(values, entry.place):
            yield f"mapping.{entry.name}.dropped", f"no component {entry.name}"


def _components_swapped(tree: ast.Module) -> Wrong:
    for one, other in combinations(entries(tree), 2):
        first, second = one.keyword("name"), other.keyword("name")
        if one.siblings is not other.siblings or one.bridge != other.bridge:
            continue
        if first and second:
            role = other.name.rpartition(".")[2]
            with changed(first, "value", second.value), changed(second, "value", first.value):
                yield f"mapping.{one.name}-{role}.swapped", f"{one.name} and {role} are swapped"


def _bridges_mistaken(tree: ast.Module) -> Wrong:
    bases = {node.name: [ast.unparse(base) for base in node.bases] for node in classes(tree)}
    for entry in entries(tree):
        for other in (*_MISTAKABLE.get(entry.bridge, ()), *bases.get(entry.bridge, ())):
            name = ast.Name(other)
            imported = ast.ImportFrom(_COMPONENTS, [ast.alias(other)], 0)
            # The module has imported that one, which is none of TL's.
            importing = nullcontext() if other == BASE else with_item(tree.body, 1, imported)
            with changed(entry.call, "func", name), importing:
                short = other.removesuffix("Bridge")
                yield f"mapping.{entry.name}.as_{short}", f"{entry.name} is a {other}"


def _arguments_dropped(tree: ast.Module) -> Wrong:
    for entry in entries(tree):
        for index, keyword in enumerate(entry.call.keywords):
            if keyword.arg in ("name", "submodules"):
                continue
            name = f"mapping.{entry.name}.{keyword.arg}"
            with without(entry.call.keywords, index):
                yield f"{name}.dropped", f"{entry.name} is not given {keyword.arg}"
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, bool):
                other = not keyword.value.value
                with changed(keyword.value, "value", other):
                    yield f"{name}.{other}", f"{entry.name} is given {keyword.arg}={other}"


def _conversions_dropped(tree: ast.Module) -> Wrong:
    found = assigned(tree, "self.weight_processing_conversions")
    for key, index in conversions(found):
        with without(found.keys, index), without(found.values, index):
            yield f"conversions.{key}.dropped", f"no conversion of {key}"
    with changed(found, "keys", []), changed(found, "values", []):
        yield "conversions.dropped", "no conversions at all"


def _conversions_changed(tree: ast.Module) -> Wrong:
    found = assigned(tree, "self.weight_processing_conversions")
    for key, index in conversions(found):
        for node in ast.walk(found.values[index]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _patterns_changed(key, node, node.value)
            if isinstance(node, ast.keyword) and node.arg == "n":
                right = ast.unparse(node.value)
                wrong = "n_heads" if right == "n_key_value_heads" else "n_key_value_heads"
                with changed(node, "value", ast.Name(wrong)):
                    yield f"conversions.{key}.{wrong}", f"{key} is split by {wrong}"


def _patterns_changed(key: str, pattern: ast.Constant, right: str) -> Wrong:
    source, arrow, target = right.partition(" -> ")
    axes = target.split()
    others = {
        "interleaved": right.replace("(n h)", "(h n)"),
        "transposed": source + arrow + " ".join([axes[0], *reversed(axes[1:])]),
    }
    for word, wrong in others.items():
        if wrong != right:
            with changed(pattern, "value", wrong):
                yield f"conversions.{key}.{word}", f"{key} is rearranged by '{wrong}'"


def _alternatives_dropped(tree: ast.Module) -> Wrong:
    """`one or other` with only one of them left."""
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BoolOp):
            target = ast.unparse(statement.targets[0])
            for word, value in zip(("first", "second"), statement.value.values, strict=False):
                with changed(statement, "value", value):
                    yield f"{target}.{word}_only", f"{target} is {ast.unparse(value)}"


def _bridge_class_changed(tree: ast.Module) -> Wrong:
    """The module's own bridge class without one of its parts."""
    for node in classes(tree):
        if node.name.endswith("Adapter"):
            continue
        for index, statement in enumerate(node.body):
            part = name_of(statement)
            if part:
                with without(node.body, index):
                    yield f"bridge.{part}.dropped", f"{node.name} has no {part}"
        for inner in ast.walk(node):
            yield from _part_changed(inner)


def _part_changed(node: ast.AST) -> Wrong:
    if isinstance(node, ast.Return) and node.value and ast.unparse(node.value).startswith("not "):
        with changed(node, "value", ast.UnaryOp(ast.Not(), node.value)):
            yield "bridge.policy.negated", "layers rotate where they should not and the reverse"
        with changed(node, "value", ast.Constant(True)):
            yield "bridge.policy.never", "no layer rotates"
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _HANDING_ON:
        for index, keyword in enumerate(node.keywords):
            word = keyword.arg or "kwargs"
            with without(node.keywords, index):
                yield f"bridge.forward.{word}.dropped", f"attention is not handed {word}"


def _layouts_changed(tree: ast.Module) -> Wrong:
    """The norms and the block's bridge that a config key decides, the wrong way round or others."""
    for number, body in enumerate(layouts(tree)):
        for statement in filter(is_block_bridge, body):
            bridge = ast.unparse(statement).partition(" = ")[2]
            for other in _MISTAKABLE.get(bridge, ()):
                with changed(statement, "value", ast.Name(other)):
                    short = other.removesuffix("Bridge")
                    yield f"layouts.{number}.as_{short}", f"layout {number} is a {other}"
    nodes = ast.walk(tree)
    decisions = [n for n in nodes if isinstance(n, ast.If) and n.orelse and layouts(n)]
    for number, decision in enumerate(decisions):
        with changed(decision, "test", ast.UnaryOp(ast.Not(), decision.test)):
            yield f"layouts.{number}.swapped", "blocks have the layout of the other setting"


def _methods_dropped(tree: ast.Module) -> Wrong:
    """Overrides of the adapter beside its initialisation, left out."""
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    for index, statement in enumerate(adapter.body):
        if isinstance(statement, ast.FunctionDef) and statement.name != "__init__":
            with without(adapter.body, index):
                yield f"adapter.{statement.name}.dropped", f"{adapter.name} has no {statement.name}"


def _layers_unasked(tree: ast.Module) -> Wrong:
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    with with_item(adapter.body, len(adapter.body), ast.parse(_UNASKED).body[0]):
        yield "adapter.layers.unasked", "weights are processed whatever layers compute"


def _steps_dropped(tree: ast.Module) -> Wrong:
    """One thing that the adapter does to HF's model, or to its logits, left out."""
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    for method in adapter.body:
        if not isinstance(method, ast.FunctionDef) or method.name == "__init__":
            continue
        for node in ast.walk(method):
            for index, statement in enumerate(getattr(node, "body", ())):
                does = effect_of(statement)
                if does:
                    name = re.sub(r"[^a-z0-9_.]+", "", does.lower()).strip(".")
                    with without(node.body, index):  # type: ignore[attr-defined]
                        yield f"adapter.{method.name}.{name}.dropped", f"{does} is left out"


def _base_uninitialised(tree: ast.Module) -> Wrong:
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for index, statement in enumerate(node.body):
            if ast.unparse(statement) == "super().__init__(cfg)":
                with without(node.body, index):
                    yield "init.dropped", "the base class is not initialised"


_BREAKS: tuple[Callable[[ast.Module], Wrong], ...] = (
    _components_dropped,
    _components_swapped,
    _bridges_mistaken,
    _arguments_dropped,
    config.defaults_dropped,
    config.flags_dropped,
    config.flags_changed,
    config.flags_added,
    config.steps_changed,
    _conversions_dropped,
    _conversions_changed,
    _alternatives_dropped,
    _bridge_class_changed,
    _layouts_changed,
    _methods_dropped,
    _layers_unasked,
    scale_mistaken,
    _steps_dropped,
    imported_changed,
    attentions_asked,
    _base_uninitialised,
)
