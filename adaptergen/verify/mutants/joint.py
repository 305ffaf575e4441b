"""Ways to be wrong about a layer that computes several projections."""

import ast
from collections.abc import Iterator

_JOINT = "Joint"
_LAYER = "JointLinearBridge"

_PARTS = {
    "reversed": (
        "the parts lie the other way round",
        """\
    def __init__(self, role, shares, groups=1):
        super().__init__(role, dict(reversed(shares.items())), groups)
""",
    ),
    "ungrouped": (
        "the parts lie one after the other",
        """\
    def __init__(self, role, shares, groups):
        super().__init__(role, shares)
""",
    ),
    "apart": (
        "HF's layer is split for good where it is wrapped",
        """\
    def put_into(self, bridge, owner):
        from torch import nn
        super().put_into(bridge, owner)
        for name in self.shares:
            part = bridge.submodules[name]
            whole, layer = part.original_component, nn.Linear(1, 1)
            layer.weight = nn.Parameter(whole.weight.clone())
            layer.bias = None if whole.bias is None else nn.Parameter(whole.bias.clone())
            part.set_original_component(layer)
""",
    ),
}


# Alike as long as hooks leave what projections read: one for gradients does not.
_EACH = """\
    def forward(self, hidden_states):
        parts, self._called_for = self._called_for, ()
        if not parts:
            return super().forward(hidden_states)
        runs, pieces = {}, {}
        for part in parts:
            given = part.hook_in(hidden_states)
            if id(given) not in runs:
                runs[id(given)] = super().forward(given)
            pieces[part.share] = self._joint.piece(part.share, runs[id(given)])
        return self._joint.joined(pieces)
"""


def methods(name: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of each wrong method of the layer, where a module has one."""
    if name == _LAYER:
        text = "hooks on the layer fire for each projection that reads a tensor of its own"
        yield "parts.each", f"{_LAYER}: {text}", _EACH
    if name != _JOINT:
        return
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for word, (description, text) in _PARTS.items():
        if word != "ungrouped" or "groups" in keywords:
            yield f"parts.{word}", f"{_JOINT}: {description}", text
