"""Defaults of HF's config class for keys that the adapter reads, for configs that lack them."""

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import with_changes
from adaptergen.infer.world import World
from adaptergen.spec.model import Spec


def defaults(world: World, spec: Spec, findings: Findings) -> Spec:
    """The spec with the values that are not those of a key that does nothing."""
    usual = type(world.config)()
    found = {
        key: value
        for key, neutral in spec.read_keys.items()
        if (value := getattr(usual, key, neutral)) != neutral
    }
    for key, value in found.items():
        findings.add(f"defaults.{key}", value, "HF's config class takes it by default")
    return with_changes(spec, defaults=found) if found else spec
