"""The spec language: facets, YAML with positions, `extends`."""
