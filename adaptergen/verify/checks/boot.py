"""Does the adapter load, and does the bridge come up around the HF model?"""

from collections.abc import Iterator

from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.subject import Subject


@check("boot.module", "The file runs and defines one adapter class.")
def module(subject: Subject) -> Iterator[Evidence]:
    """Loading it raises where something is wrong."""
    yield Fact(subject.adapter is not None, "no adapter")


@check("boot.mapping", "HF has a module wherever the adapter maps a component.")
def mapping(subject: Subject) -> Iterator[Evidence]:
    """TL's own message about a wrong path does not say which component has it."""
    hf = subject.hf
    for component in subject.mapping:
        below = component.name.startswith("blocks.")
        places = dict(subject.below(component.path)) if below else {None: component.path}
        for number, path in places.items():
            exists = component.optional or hf.has(path)
            text = f"{component.name} is mapped to '{component.path}', which HF does not have"
            yield Fact(exists, text, number, component.claim)


@check("boot.bridge", "TL builds a bridge with the adapter.")
def bridge(subject: Subject) -> Iterator[Evidence]:
    """Building it raises where something is wrong."""
    adapter = subject.bridge.adapter
    yield Fact(isinstance(adapter, subject.adapter), "TL used another adapter than the module's")
