"""Ways to be wrong about when HF computes attention, and about what it is handed then."""

import ast

from adaptergen.verify.mutants.syntax import Wrong, classes, with_item, without

BASE = "HookAwareAttentionBridge"

# What else must be true of `points`, the bridge's hooks, for attention to count as observed.
_OBSERVED = {
    "never": ("HF computes attention whatever is hooked", "False"),
    "not_by_pattern": (
        "HF computes attention though scores or pattern are hooked",
        "not self.hook_pattern.has_hooks() and not self.hook_attn_scores.has_hooks()",
    ),
    "not_by_gradients": (
        "HF computes attention where only gradients are hooked",
        "any(point.has_hooks('fwd') for point in points)",
    ),
    "not_by_permanent": (
        "HF computes attention where all hooks are permanent",
        "any(point.has_hooks(including_permanent=False) for point in points)",
    ),
}

# What is done to the arguments of attention that HF computes.
_HANDED = {
    "mask": ("HF's attention is handed no mask", "kwargs['attention_mask'] = None"),
    "cache": ("HF's attention is handed no cache", "kwargs['past_key_values'] = None"),
}


def attention_changed(tree: ast.Module) -> Wrong:
    """The bridge that the module imports, with something wrong in what it leaves to HF."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and _imports_base(statement):
            place = tree.body.index(statement) + 1
            for name, description, method in _methods():
                wrong = ast.parse(f"class {BASE}({BASE}):\n{method}").body[0]
                with with_item(tree.body, place, wrong):
                    yield f"fused.{name}", description
            yield from _attentions_asked(tree)
            return


def _attentions_asked(tree: ast.Module) -> Wrong:
    """TL then asks for patterns whenever something is cached."""
    (adapter,) = [node for node in classes(tree) if node.name.endswith("Adapter")]
    for index, statement in enumerate(adapter.body):
        if ast.unparse(statement).startswith("supports_hf_output_attentions ="):
            with without(adapter.body, index):
                yield "fused.supports.dropped", "TL may ask HF for patterns"


def _methods() -> list[tuple[str, str, str]]:
    """Name, description and text of each wrong method."""
    found = [("always_observed", "HF never computes attention", _method("is_observed", "True"))]
    for name, (description, condition) in _OBSERVED.items():
        value = f"super().is_observed() and ({condition})"
        found.append((f"observed.{name}", description, _method("is_observed", value)))
    for name, (description, change) in _HANDED.items():
        body = f"        if not self.is_observed():\n            {change}\n"
        found.append((f"{name}.forgotten", description, _forward(body)))
    ignoring = "        kwargs.pop('output_attentions', None)\n"
    text = "HF computes attention though patterns are asked for"
    return [*found, ("output_attentions.ignored", text, _forward(ignoring))]


def _method(name: str, value: str) -> str:
    points = "[point for point in self.children() if hasattr(point, 'has_hooks')]"
    return f"    def {name}(self):\n        points = {points}\n        return {value}\n"


def _forward(body: str) -> str:
    signature = "    def forward(self, *args, **kwargs):\n"
    return f"{signature}{body}        return super().forward(*args, **kwargs)\n"


def _imports_base(statement: ast.ImportFrom) -> bool:
    return any(alias.name == BASE for alias in statement.names)
