"""Bridges of blocks that the TransformerLens which SAELens asks for makes only of subclasses."""

from typing import Any

from transformer_lens.model_bridge import generalized_components as tl


class PostNormBlockBridge(tl.BlockBridge):
    """TL's bridge of a block whose MLP reads the residual stream itself, with no norm before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the bridge, as TL's, and say where the stream is, which 3.9 does not infer."""
        places = {"hook_resid_mid": "mlp.hook_in", **kwargs.pop("hook_alias_overrides", {})}
        kwargs |= {"mlp_reads_resid_directly": True, "hook_alias_overrides": places}
        super().__init__(*args, **kwargs)
