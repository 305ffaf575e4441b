"""Bridges of attention that HF computes as long as nobody looks at what that does not show.

TL computes attention step by step, so that hooks see scores and pattern, which takes time and
memory for every pair of tokens. Here HF computes it, with torch's SDPA, as long as nothing is
attached to those hooks.
"""

from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from transformer_lens.model_bridge import generalized_components as tl

from .called_as_hf import CalledAsHF
from .hook_aware import has_hooks, hf_module
from .joint import Joining


class PositionEmbeddingsAttentionBridge(Joining, CalledAsHF, tl.PositionEmbeddingsAttentionBridge):
    """TL's bridge of attention with rotary positions, called as any version of HF calls it."""

    # Whether HF rotates by the negative of the angles.
    rotates_backward = False
    # Whether HF has one cosine and sine for each pair of elements, or one for each element.
    cosines_per_pair = False
    # The module of HF's attention that computes them; empty where the model hands them down.
    rotary = ""
    # What it calls the number of positions; empty where it is asked for those of the tokens.
    rotary_length = ""
    # Names under which TL asks HF's attention for numbers, each with HF's own.
    named: tuple[tuple[str, str], ...] = ()

    def set_original_component(self, original_component: Any) -> None:
        """Set the module that the bridge wraps, which is told what TL reads there.

        Most HF classes have it under these names; code from elsewhere has names of its own.
        """
        config: Any = self.config
        key_value = config.n_key_value_heads or config.n_heads
        read = {"head_dim": config.d_head, "num_key_value_groups": config.n_heads // key_value}
        for name, value in read.items():
            if not hasattr(original_component, name):
                setattr(original_component, name, value)
        for name, own in self.named:
            setattr(original_component, name, getattr(original_component, own))
        dropout = getattr(original_component, "attention_dropout", None)
        if isinstance(dropout, nn.Dropout):
            del original_component.attention_dropout
            original_component.attention_dropout = dropout.p
        super().set_original_component(original_component)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run attention step by step; called as HF's module is, and returns what it does."""
        return self.reconstructed(**self._as_tl_names(args, kwargs))

    def reconstructed(self, *_: Any, **given: Any) -> Any:
        """Run attention step by step, on arguments as TL names them; returns what HF's does."""
        joint: Any = self._modules.get("qkv")
        with ExitStack() as running:
            if joint is not None:
                parts = (self.submodules[share] for share in ("q", "k", "v"))
                running.enter_context(joint.running_once(parts))
            positions = given.get("position_embeddings")
            if positions is not None and self.rotates_backward:
                cos, sin = positions
                given["position_embeddings"] = (cos, -sin)
            if positions is not None and self._doubles(positions[0]):
                for point in (self.hook_cos, self.hook_sin):
                    running.callback(point.register_forward_hook(_twice).remove)
            computed = tl.PositionEmbeddingsAttentionBridge.forward(self, **self._completed(given))
        return self._as_returned(computed, given)

    def _doubles(self, cos: torch.Tensor) -> bool:
        """Whether TL needs cosines [batch, pos, d_rotary] once more, and how much rotates, for TL.

        TL takes what is half as wide as a head for one of each pair, unless the config says that
        half of a head rotates. It knows of no heads of which some pairs rotate by one of each.
        """
        config: Any = self.config
        width = cos.shape[-1]
        # There are no more pairs than half of a head has elements.
        per_pair = self.cosines_per_pair and 2 * width <= config.d_head
        config.rotary_pct = (2 * width if per_pair else width) / config.d_head
        return per_pair and 2 * width < config.d_head

    def _as_tl_names(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call, with cosines and sines that HF's module computes by itself."""
        given = super()._as_tl_names(args, kwargs)
        if self.rotary:
            given["position_embeddings"] = self._computed(given)
        elif self.rotary_argument:
            given["position_embeddings"] = self._handed(given)
        return given

    def _computed(self, given: dict[str, Any]) -> Any:
        """Cosines and sines of the tokens that HF's attention computes by itself."""
        hf_attention: Any = self.original_component
        rotary, positions = getattr(hf_attention, self.rotary), self._positions(given)
        hidden, cache = given["hidden_states"], given.get("past_key_values")
        if not self.rotary_length:
            return rotary(hidden, positions)
        length = self._tokens_before(cache) + hidden.shape[1]
        table = rotary(hidden, **{self.rotary_length: length})
        return tuple(part.reshape(-1, part.shape[-1])[positions] for part in table)

    def _handed(self, given: dict[str, Any]) -> Any:
        """Cosines and sines of the tokens in whatever form HF's attention is handed them.

        There may be those of all tokens so far, for each row of the batch or for all at once.
        """
        found = given.pop(self.rotary_argument, None)
        while isinstance(found, tuple | list) and len(found) == 1:
            found = found[0]
        if isinstance(found, torch.Tensor):
            found = (torch.view_as_real(found) if found.is_complex() else found).unbind(-1)
        if found is None:
            return None
        batch, length = given["hidden_states"].shape[:2]
        rows = batch if found[0].ndim > 2 and found[0].shape[0] == batch else 1
        return tuple(part.reshape(rows, -1, part.shape[-1])[:, -length:] for part in found)

    def _positions(self, given: dict[str, Any]) -> torch.Tensor:
        """The positions [batch, pos] that HF hands down, or else those behind the cache."""
        positions: torch.Tensor | None = given.get("position_ids")
        if positions is not None:
            return positions
        hidden, past = given["hidden_states"], self._tokens_before(given.get("past_key_values"))
        return torch.arange(past, past + hidden.shape[1], device=hidden.device).unsqueeze(0)

    def set_rotary_emb(self, rotary_emb: Any) -> None:
        """Learn what computes cosines and sines; as no submodule, which it is of HF's model."""
        object.__setattr__(self, "_rotary_emb", rotary_emb)


class MLAAttentionBridge(CalledAsHF, tl.MLAAttentionBridge):
    """TL's bridge of attention through latents, called as any version of HF calls it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the bridge, with all that TL's own has."""
        super().__init__(*args, **kwargs)
        # TL takes it from classes with another forward; the one here names arguments alone.
        self.supports_attn_result = True


class HookAwareAttentionBridge(PositionEmbeddingsAttentionBridge):
    """Attention that is reconstructed, with every hook, only where a hook needs it.

    HF's module and TL's reconstruction run the same projections and norms, so that their hooks, and
    those on what the heads return (z), fire either way.
    """

    def set_original_component(self, original_component: nn.Module) -> None:
        """Set the module that the bridge wraps, which may clamp queries, keys and values."""
        super().set_original_component(original_component)
        for role in ("q", "k", "v"):
            self.submodules[role].hands_copy = True
        # A module that only holds projections, as tests have them, cannot compute by itself.
        self._holds_only = type(original_component).forward is nn.Module.forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run attention; called as HF's module is, and returns what it does."""
        asked = self._forks() or kwargs.get("output_attentions")
        if asked or self._holds_only or self.is_observed():
            return self.reconstructed(**self._as_tl_names(args, kwargs))
        # TL's way to leave attention to HF's module.
        return tl.AttentionBridge.forward(self, *args, **kwargs)

    def reconstructed(self, *_: Any, **given: Any) -> Any:
        """Run attention step by step, on arguments as TL names them; returns what HF's does."""
        config = getattr(hf_module(self), "config", None)
        implementation = getattr(config, "_attn_implementation", "eager")
        if implementation not in ("sdpa", "eager"):
            # Windows are in no mask that HF makes for it.
            raise RuntimeError(f"a hook needs attention to be sdpa or eager, not {implementation}")
        return super().reconstructed(**given)

    def _forks(self) -> bool:
        """Whether heads have inputs of their own, for which TL passes the norm before them by."""
        config: Any = self.config
        split = getattr(config, "use_split_qkv_input", False)
        return bool(split or getattr(config, "use_attn_in", False))

    def is_observed(self) -> bool:
        """Whether there is a hook on what HF's module does not show, between input and output.

        Norms of queries and keys are shown heads before positions here, but not by all HF modules.
        """
        norms = (self._modules.get("q_norm"), self._modules.get("k_norm"))
        return has_hooks(self, but=("hook_in", "hook_out")) or any(
            norm is not None and has_hooks(norm) for norm in norms
        )


def _twice(point: nn.Module, args: Any, shown: torch.Tensor) -> torch.Tensor:
    """For each element of a pair what is there for the pair [batch, pos, d_rotary]."""
    return torch.cat((shown, shown), dim=-1)
