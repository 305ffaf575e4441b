"""An adapter without a spec, and what HF's model alone says of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from adaptergen.spec.model import Spec
from adaptergen.verify.check import NotApplicableError
from adaptergen.verify.hf import HfModel
from adaptergen.verify.module import SHIPPED
from adaptergen.verify.once import MissingError, once
from adaptergen.verify.stage import Stage
from adaptergen.verify.subject import Subject
from adaptergen.verify.tiny import tiny_settings


class ShippedSubject(Subject):
    """An adapter that TL ships for an architecture, without a spec."""

    def __init__(
        self,
        architecture: str,
        overrides: Mapping[str, Any] | None = None,
        hf: HfModel | None = None,
        thrifty: bool = False,
    ) -> None:
        tiny, source = tiny_settings(architecture), f"{SHIPPED}{architecture}"
        self._begin(architecture, tiny, source, overrides, hf, thrifty)

    @property
    def spec(self) -> Spec:
        """There is none.

        Raises:
            NotApplicableError: always; the check that asked is skipped.
        """
        raise NotApplicableError("the adapter has no spec")

    @property
    def scale_ahead(self) -> float:
        """One: of a scale before the unembedding nothing is claimed."""
        return 1.0

    def variant(self, **changes: Any) -> "ShippedSubject":
        """The same adapter on another HF config, with one bridge for everything."""
        return ShippedSubject(self.architecture, {**self.overrides, **changes}, thrifty=True)

    @property
    @once("the layers of HF's model")
    def layers(self) -> dict[int, str]:
        """Path of each layer in the HF model: the outermost list of modules that all run."""
        return layers_of(self.hf)

    @property
    @once("HF's activations")
    def stages(self) -> list[Stage]:
        """The residual stream around each layer."""
        return list(self._stream())

    def _stream(self) -> Iterator[Stage]:
        for number, path in self.layers.items():
            call = self.hf.call(path)
            yield Stage("hook_resid_pre", "stream", "", call.input, number)
            yield Stage("hook_resid_post", "stream", "", call.value, number)


def layers_of(hf: HfModel) -> dict[int, str]:
    """Path of each layer, by number.

    Raises:
        MissingError: if no list of modules looks like layers.
    """
    for path, module in hf.model.named_modules():
        if not isinstance(module, nn.ModuleList) or not len(module):
            continue
        paths = [f"{path}.{number}" for number in range(len(module))]
        if all(hf.seen.runs[p] == 1 for p in paths):
            return dict(enumerate(paths))
    raise MissingError("HF's model has no list of modules that each run once")
