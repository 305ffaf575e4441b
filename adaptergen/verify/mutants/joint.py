"""Ways to be wrong about a layer that computes several projections."""

import ast
from collections.abc import Iterator

_JOINT = "Joint"

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


def methods(name: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of each wrong method of the layer, where a module has one."""
    if name != _JOINT:
        return
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for word, (description, text) in _PARTS.items():
        if word != "ungrouped" or "groups" in keywords:
            yield f"parts.{word}", f"{_JOINT}: {description}", text
