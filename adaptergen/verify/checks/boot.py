"""Does the adapter load, and does the bridge come up around the HF model?"""

from collections.abc import Iterator

from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.subject import Subject


@check("boot.bridge", "The module loads and TL builds a bridge with it.", claim="architecture")
def bridge(subject: Subject) -> Iterator[Evidence]:
    """Building it raises where something is wrong."""
    adapter = subject.bridge.adapter
    yield Fact(isinstance(adapter, subject.adapter), "TL used another adapter than the module's")
