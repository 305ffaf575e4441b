"""Are the models wrong that the spec refuses? If not, it refuses them for no reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.language.values import deciding
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.checks.variants import is_right
from adaptergen.verify.declared import parameters
from adaptergen.verify.structure import structure
from adaptergen.verify.subject import Subject


@check("claims.refused", "Models that the spec refuses would be wrong if they were wrapped.")
def refused(subject: Subject) -> Iterator[Evidence]:
    """Each is wrapped all the same: something must differ, or HF have parameters beside the spec's.

    That the adapter does refuse them, `boot.refused` shows.
    """
    if not subject.declared.refused:
        raise NotApplicableError("the spec says that it takes all")
    for setting in subject.declared.refused:
        wrapped = _Wrapped(subject, setting)
        # Asked for first: HF must be able to have such a model.
        wrapped.hf.require_pass()
        needless = _is_described(wrapped, setting) and is_right(wrapped)
        text = f"a model with {setting} set is right once it is wrapped, the spec refuses it"
        yield Fact(not needless, text, claim=f"refused.{setting}")


class _Wrapped(Subject):
    """The adapter on a model that the spec refuses, made to take it."""

    def __init__(self, subject: Subject, setting: str) -> None:
        overrides = {**subject.overrides, **dict([deciding(setting)])}
        super().__init__(subject.declared, subject.module_path, overrides, thrifty=True)
        self._setting = setting

    def load_adapter(self) -> type[ArchitectureAdapter]:
        """The adapter class, which prepares a model as if it were another."""
        return _taking(super().load_adapter(), self._setting)


def _is_described(subject: Subject, setting: str) -> bool:
    """Whether the spec leads to all parameters that HF has in such a model."""
    built = structure(subject.hf, dict([deciding(setting)]))
    return parameters(subject.spec, built).keys() == built.shapes.keys()


def _taking(adapter: type[ArchitectureAdapter], setting: str) -> type[ArchitectureAdapter]:
    class Taking(adapter):  # type: ignore[misc, valid-type]
        def prepare_model(self, hf_model: Any) -> None:
            with _otherwise(hf_model.config, setting):
                super().prepare_model(hf_model)

    return Taking


@contextmanager
def _otherwise(config: Any, setting: str) -> Iterator[None]:
    """While active, a config key has another value than the one that a spec refuses."""
    key, is_set = deciding(setting)
    value = getattr(config, key)
    setattr(config, key, not is_set)
    try:
        yield
    finally:
        setattr(config, key, value)
