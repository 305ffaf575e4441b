"""The modules beside generated adapters that they import, so that none repeats what those hold."""

# How the name of every template ends.
TEMPLATE = ".j2"

# By module, the names that templates of adapters may use.
MODULES = {
    "base_adapter": ("BaseAdapter",),
    "hook_aware": (
        "LinearBridge",
        "NormalizationBridge",
        "RMSNormalizationBridge",
        "UnembeddingBridge",
    ),
    "places": (),
    "joint": ("Joint", "JointGatedMLPBridge", "JointLinearBridge", "PartBridge"),
    "called_as_hf": (),
    "attention": (
        "HookAwareAttentionBridge",
        "MLAAttentionBridge",
        "PositionEmbeddingsAttentionBridge",
    ),
    "mlp": ("GatedMLPBridge",),
    "delegated": ("DelegatedAttentionBridge", "PatternlessAttentionBridge"),
    "blocks": ("PostNormBlockBridge",),
    "routing": ("MoEBridge", "MoERouterBridge"),
    "multipliers": ("EmbeddingBridge", "ScaledLogitsAdapter", "ScaledResidualBlockBridge"),
}


def file(name: str) -> str:
    """The file of a module."""
    return f"{name}.py"


def source(name: str) -> str:
    """The template of a module."""
    return file(name) + TEMPLATE


FILES = tuple(map(file, MODULES))
