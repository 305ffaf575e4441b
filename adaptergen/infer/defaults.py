"""Defaults of HF's config class for keys that the adapter reads, for configs that lack them."""

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.spec.model import Spec


def defaults(tiny: TinyModel, spec: Spec, findings: Findings) -> Spec:
    """The spec with the values that are not those of a key that does nothing."""
    usual = type(tiny.config)()
    found = {
        key: value
        for key, neutral in spec.read_keys.items()
        if (value := getattr(usual, key, neutral)) != neutral
    }
    for key, value in found.items():
        findings.add(f"defaults.{key}", value, "HF's config class takes it by default")
    return with_changes(spec, defaults=found) if found else spec
