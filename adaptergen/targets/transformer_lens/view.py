"""The view that templates print: a spec with every decision made."""

from typing import Any

from adaptergen.components.attention.projections import FusedProjections
from adaptergen.language.values import deciding
from adaptergen.spec.leaves import Leaf
from adaptergen.spec.model import Spec
from adaptergen.spec.versions import versions
from adaptergen.targets.transformer_lens.bridges import bridges, imported_name, norm_bridge
from adaptergen.targets.transformer_lens.docstring import said
from adaptergen.targets.transformer_lens.settings import settings


def class_name(spec: Spec) -> str:
    """Name of the generated adapter class, such as `SmolLM3ArchitectureAdapter`."""
    return f"{spec.prefix}ArchitectureAdapter"


def adapter_view(spec: Spec) -> dict[str, Any]:
    """Every name that the adapter's templates use."""
    projections = getattr(spec.attention, "projections", None)
    return {
        "prefix": spec.prefix,
        "class_name": class_name(spec),
        **said(spec),
        **settings(spec),
        **bridges(spec),
        "paths": spec.paths,
        "norm": spec.norm,
        "norm_bridge": norm_bridge(spec.norm),
        "block": spec.block,
        "multipliers": spec.multipliers,
        "attention": spec.attention,
        "fuses": spec.fuses,
        "splits_projections": isinstance(projections, FusedProjections),
        "mlp": spec.mlp,
        "side_mlp": spec.side_mlp,
        "refused": {deciding(setting): reason for setting, reason in spec.refused.items()},
        "versions": _versions(spec),
        "prepare": imported_name(spec.hatch.prepare_model) if spec.hatch else "",
    }


def _versions(spec: Spec) -> list[dict[str, str | None]]:
    """Places in other versions of transformers, by those that these lack."""
    found = []
    for _, left, new in versions(spec):
        places = {leaf.claim: _seen_from_blocks(leaf) for leaf in new}
        found.append({_seen_from_blocks(leaf): places.get(leaf.claim) for leaf in left})
    return found


def _seen_from_blocks(leaf: Leaf) -> str:
    return f"*.{leaf.place}" if leaf.in_blocks else leaf.place
