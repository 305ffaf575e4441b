"""The components that an adapter maps, before TL looks for them in the HF model."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.sources import build_bridge_config_from_hf

from adaptergen.verify.hf import HfModel

_CLAIMS = {
    "embed": "paths.embed",
    "rotary_emb": "paths.rotary",
    "blocks": "paths.blocks",
    "ln_final": "paths.final_norm",
    "unembed": "paths.unembed",
    "blocks.ln1": "block.ln1",
    "blocks.ln2": "block.ln2",
    "blocks.attn": "attention.path",
    "blocks.mlp": "mlp.path",
}


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


def components(adapter: type[ArchitectureAdapter], hf: HfModel) -> list[Component]:
    """Every component of the mapping, those below blocks and attention included."""
    config = build_bridge_config_from_hf(
        copy.deepcopy(hf.config), hf.architecture, "tiny", next(hf.model.parameters()).dtype
    )
    return list(_walk(adapter(config).component_mapping or {}, "", ""))


def _walk(mapping: Any, name: str, path: str) -> Iterator[Component]:
    for key, bridge in mapping.items():
        own = f"{path}.{bridge.name}" if path and bridge.name else bridge.name or path
        yield Component(f"{name}{key}", own, bool(getattr(bridge, "optional", False)))
        below = "" if key == "blocks" and not name else own
        yield from _walk(bridge.submodules, f"{name}{key}.", below)
