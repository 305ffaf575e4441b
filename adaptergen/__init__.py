"""TransformerLens adapters from YAML specs, proven against HuggingFace."""

__version__ = "0.1.0"


def register(*folders: str) -> list[str]:
    """Make generated adapters known to TransformerLens; see `adaptergen.runtime.register`."""
    from adaptergen.runtime import register

    return register(*folders)
