"""TransformerLens adapters from YAML specs, proven against HuggingFace."""

__version__ = "0.1.0"
