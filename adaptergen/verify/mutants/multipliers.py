"""Ways to be wrong about logits that HF's model scales."""

import ast

from adaptergen.verify.mutants.syntax import Wrong, changed, classes

_SCALED = "ScaledLogitsAdapter"

_UNFOLDED = f"""
def preprocess_weights(self, state_dict):
    return super({_SCALED}, self).preprocess_weights(state_dict)
"""
_UNTOLD = """
def postprocess_weights(self, bridge):
    pass
"""
_RAW = f"""
def apply_output_logits_transform(self, logits):
    return super({_SCALED}, self).apply_output_logits_transform(logits)
"""

_METHODS = {
    "outside": ("W_U lacks the scale of the logits", _UNFOLDED + _UNTOLD),
    "lost": ("with processed weights, nothing scales the logits", _UNFOLDED),
    "twice": ("with processed weights, logits are scaled twice", _UNTOLD),
    "raw": ("what the unembedding returns is taken for HF's logits", _RAW),
}


def scale_mistaken(tree: ast.Module) -> Wrong:
    """An adapter that does something else than the class that scales logits for it."""
    for adapter in classes(tree):
        if _SCALED in map(ast.unparse, adapter.bases):
            for name, (description, code) in _METHODS.items():
                with changed(adapter, "body", [*adapter.body, *ast.parse(code).body]):
                    yield f"adapter.scale.{name}", description
