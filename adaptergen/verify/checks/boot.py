"""Does the adapter load, and does the bridge come up around the HF model?"""

from collections.abc import Iterator

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.language.values import deciding
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.components import Component, bare
from adaptergen.verify.hf import hf_class
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.subject import Subject


@check("boot.module", "The file runs and defines one adapter class.")
def module(subject: Subject) -> Iterator[Evidence]:
    """Loading it raises where something is wrong."""
    yield Fact(subject.adapter is not None, "no adapter")


@check("boot.mapping", "Each component is mapped to a module of HF's of its own.")
def mapping(subject: Subject) -> Iterator[Evidence]:
    """TL's own message about a wrong path does not say which component has it."""
    modules, taken = subject.prepared, dict[tuple[bool, str], str]()
    for component in subject.mapping:
        place = component.name.startswith("blocks."), component.path
        other = taken.setdefault(place, component.name)
        text = f"{component.name} is mapped to '{component.path}', as {other} is"
        yield Fact(other == component.name, text, claim=component.claim)
        below = component.name.startswith("blocks.")
        places = dict(subject.below(component.path)) if below else {None: component.path}
        for number, path in places.items():
            exists = component.optional or path in modules
            text = f"{component.name} is mapped to '{component.path}', which HF does not have"
            yield Fact(exists, text, number, component.claim)


@check("boot.optional", "Components are optional only where HF may lack them.")
def optional(subject: Subject) -> Iterator[Evidence]:
    """TL skips an optional component without a word; where HF always has it, that hides a mistake.

    That those are optional which must be, `boot.mapping` shows under each config.
    """
    for component in subject.mapping:
        needless = component.optional and not _may_be_absent(subject.spec, component)
        text = f"{component.name} is optional, and HF always has it"
        yield Fact(not needless, text, claim=component.claim)


def _may_be_absent(spec: Spec, component: Component) -> bool:
    """Whether some models of the architecture, or some layers, lack a component."""
    norms, name = spec.attention.qk_norm.norms, component.name
    if attention_of(spec.attention).may_lack(name):
        return True
    if name.startswith("blocks.attn.") and name.endswith("_norm"):
        return norms is not None and norms.present is not True
    return name.startswith("blocks.mlp.") and mlp_of(spec.mlp).may_lack(name)


@check(
    "boot.attention",
    "HF's attention computes eagerly, if the user chose that or the adapter needs it.",
    claim="attention.fused",
)
def attention(subject: Subject) -> Iterator[Evidence]:
    """Where it may compute instead of TL, it does so as the user has it.

    Elsewhere its patterns are shown, which SDPA has not.
    """
    if not subject.hf.model._can_set_attn_implementation():
        raise NotApplicableError("HF cannot change it for models of this class")
    found = subject.prepared[""].config._attn_implementation
    yield Fact(found == "eager", f"the adapter makes attention '{found}', not 'eager'")


@check("boot.bridge", "TL builds a bridge with the adapter.")
def bridge(subject: Subject) -> Iterator[Evidence]:
    """Building it raises where something is wrong."""
    adapter = subject.bridge.adapter
    yield Fact(isinstance(adapter, subject.adapter), "TL used another adapter than the module's")


@check(
    "boot.defaults",
    "A config that lacks HF's keys gives the adapter that HF's own defaults give.",
    claim="defaults",
)
def defaults(subject: Subject) -> Iterator[Evidence]:
    """Such a config is made by hand; one that is made of HF's has its keys."""
    read = subject.spec.read_keys
    for key in subject.spec.defaults.keys() - read.keys():
        yield Fact(False, f"the adapter does not read '{key}'", claim=f"defaults.{key}")
    said = subject.spec.defaults
    config = bare(subject.adapter, subject.architecture).cfg
    yield Fact(config is not None, "no config")
    expected = hf_class(subject.architecture).config_class() if read else None
    for key in read:
        found, right = getattr(config, key, None), getattr(expected, key, None)
        text = f"cfg.{key} is {found!r} by default, not {right!r}"
        yield Fact(found == right, text, claim=f"defaults.{key}")
        text = f"HF's config class has {key}={right!r}, not {said.get(key)!r}"
        yield Fact(key not in said or said[key] == right, text, claim=f"defaults.{key}")


@check("boot.refused", "The adapter refuses the models that the spec says it refuses.")
def refused(subject: Subject) -> Iterator[Evidence]:
    """Better no bridge than one that computes something else."""
    settings = subject.spec.refused
    if not settings:
        raise NotApplicableError("the spec says that it takes all")
    for setting in settings:
        variant = subject.variant(**dict([deciding(setting)]))
        text = f"a model with {setting} is wrapped all the same"
        yield Fact(_is_refused(variant), text, claim=f"refused.{setting}")


def _is_refused(variant: Subject) -> bool:
    # Asked for first: HF must be able to have such a model.
    variant.hf.require_model()
    try:
        variant.require_bridge()
    except UnavailableError as error:
        return "NotImplementedError" in error.reason
    return False
