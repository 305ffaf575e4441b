"""The modules beside generated adapters that they import, so that none repeats what those hold."""

# By module, the names that templates of adapters may use.
MODULES = {
    "base_adapter": ("BaseAdapter",),
    "hook_aware": ("LinearBridge", "NormalizationBridge", "RMSNormalizationBridge"),
    "places": (),
    "joint": ("Joint", "JointGatedMLPBridge", "JointLinearBridge", "PartBridge"),
    "attention": (
        "HookAwareAttentionBridge",
        "MLAAttentionBridge",
        "PositionEmbeddingsAttentionBridge",
    ),
    "mlp": ("GatedMLPBridge",),
    "delegated": ("DelegatedAttentionBridge", "PatternlessAttentionBridge"),
    "routing": ("MoEBridge", "MoERouterBridge"),
    "multipliers": ("EmbeddingBridge", "ScaledLogitsAdapter", "ScaledResidualBlockBridge"),
}


def file(name: str) -> str:
    """The file of a module."""
    return f"{name}.py"


def source(name: str) -> str:
    """The template of a module."""
    return f"{file(name)}.j2"


FILES = tuple(map(file, MODULES))
