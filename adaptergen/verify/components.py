"""The components that an adapter maps, before TL looks for them in the HF model."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.generalized_components import JointGateUpMLPBridge
from transformer_lens.model_bridge.sources import build_bridge_config_from_hf

from adaptergen.verify.hf import HfModel

_CLAIMS = {
    "embed": "paths.embed",
    "rotary_emb": "paths.rotary",
    "blocks": "paths.blocks",
    "ln_final": "paths.final_norm",
    "unembed": "paths.unembed",
    **{f"blocks.{role}": f"block.{role}" for role in ("ln1", "ln1_post", "ln2", "ln2_post")},
    "blocks.attn": "attention.path",
    "blocks.mlp": "mlp.path",
}

# Components that TL's bridges make themselves of a fused module of HF's.
_SPLIT: dict[type, tuple[str, ...]] = {JointGateUpMLPBridge: ("gate", "in")}


@dataclass(frozen=True)
class Component:
    """A component: TL's name, such as `blocks.attn.q`, and where the adapter says HF has it.

    `path` is dotted, and starts at the model or, below `blocks`, at each block.
    """

    name: str
    path: str
    optional: bool

    @property
    def claim(self) -> str:
        """The claim of the spec that says where the component is."""
        parent, _, role = self.name.rpartition(".")
        if parent == "blocks.attn":
            return f"attention.{'qk_norm' if role.endswith('_norm') else f'projections.{role}'}"
        return f"mlp.{role}" if parent == "blocks.mlp" else _CLAIMS.get(self.name, "paths")


def components(
    adapter: type[ArchitectureAdapter], hf: HfModel, loaded: str
) -> tuple[list[Component], Any]:
    """Every component of the mapping, those below blocks and attention included.

    And HF's model as the adapter prepares it, in which TL looks for them; `loaded` is the
    implementation of attention that it had before.
    """
    prepared, ready = copy.deepcopy(hf.model), made(adapter, hf.architecture, hf.model)
    # As a user may load it who knows nothing of the adapter.
    prepared.config._attn_implementation = loaded
    ready.prepare_model(prepared)
    return list(_walk(ready.component_mapping or {}, "", "")), prepared


def made(adapter: type[ArchitectureAdapter], architecture: str, model: Any) -> ArchitectureAdapter:
    """The adapter for an HF model, as TL makes it before it has prepared the model."""
    return adapter(known_to_tl(architecture, model))


def known_to_tl(architecture: str, model: Any) -> TransformerBridgeConfig:
    """TL's config as it makes it of HF's by itself."""
    dtype = next(model.parameters()).dtype
    return build_bridge_config_from_hf(copy.deepcopy(model.config), architecture, "tiny", dtype)


def bare(adapter: type[ArchitectureAdapter], architecture: str) -> ArchitectureAdapter:
    """The adapter for a config with sizes and none of HF's keys."""
    config = TransformerBridgeConfig(
        d_model=8, d_head=4, n_heads=2, n_layers=1, n_ctx=16, d_vocab=32, architecture=architecture
    )
    return adapter(config)


def _walk(mapping: Any, name: str, path: str, optional: bool = False) -> Iterator[Component]:
    for key, bridge in mapping.items():
        own = f"{path}.{bridge.name}" if path and bridge.name else bridge.name or path
        absent = optional or bool(getattr(bridge, "optional", False))
        yield Component(f"{name}{key}", own, absent)
        below = "" if key == "blocks" and not name else own
        split = _SPLIT.get(type(bridge), ())
        if joint := getattr(bridge, "joint", None):
            # HF has the layer whole.
            split = tuple(joint.shares)
        found = {k: part for k, part in bridge.submodules.items() if k not in split}
        yield from _walk(found, f"{name}{key}.", below, absent)
