"""What is verified: a spec, the adapter in a file, and the HF model that both are about."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.spec.model import Spec
from adaptergen.verify import bridge as bridges
from adaptergen.verify.bridge import Trace
from adaptergen.verify.components import Component, components
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.module import load_adapter
from adaptergen.verify.once import Once
from adaptergen.verify.stages import Stage, stages


class Subject:
    """Everything that checks look at, made when first asked for.

    Properties raise `UnavailableError` where the adapter, or HF, does not get that far.
    """

    def __init__(
        self,
        spec: Spec,
        module_path: str,
        overrides: Mapping[str, Any] | None = None,
        hf: HfModel | None = None,
        thrifty: bool = False,
    ) -> None:
        """A `thrifty` subject has one bridge: once `compatible` was asked for, `bridge` is it."""
        self._spec = spec
        self.module_path = module_path
        self.overrides = dict(overrides or {})
        self.thrifty = thrifty
        self.hf = hf or HfModel(spec.architecture, self.settings)
        self.once = Once()

    @property
    def spec(self) -> Spec:
        """What the adapter is held against."""
        return self._spec

    @property
    def settings(self) -> dict[str, Any]:
        """HF config keys of the tiny model."""
        return {**self._spec.tiny, **self.overrides}

    def variant(self, **changes: Any) -> "Subject":
        """The same spec and adapter on another HF config, with one bridge for everything."""
        return Subject(self._spec, self.module_path, {**self.overrides, **changes}, thrifty=True)

    @property
    def layers(self) -> dict[int, str]:
        """Path of each layer in the HF model."""
        blocks = self.spec.paths.blocks
        return {i: f"{blocks}.{i}" for i in range(len(self.hf.module(blocks)))}

    def below(self, path: str) -> Iterator[tuple[int, str]]:
        """The number of each layer, and the path of one of its parts."""
        for number, layer in self.layers.items():
            yield number, f"{layer}.{path}"

    @property
    def adapter(self) -> type[ArchitectureAdapter]:
        """The adapter class."""
        return self.once.get(
            "the adapter's module", lambda: load_adapter(self.module_path), self.module_path
        )

    @property
    def mapping(self) -> list[Component]:
        """Every component that the adapter maps, before TL looks for it in the model."""
        return self.once.get(
            "the adapter's mapping", lambda: components(self.adapter, self.hf), self.module_path
        )

    @property
    def bridge(self) -> TransformerBridge:
        """The bridge as booted."""
        adapter, model = self.adapter, self.hf.model
        assert model is not None
        return self.once.get("the bridge", lambda: bridges.boot(adapter, self.hf), self.module_path)

    @property
    def compatible(self) -> TransformerBridge:
        """A bridge in compatibility mode; another one than `bridge`, unless thrifty."""
        booted = self.bridge

        def make() -> TransformerBridge:
            if self.thrifty:
                return bridges.made_compatible(booted)
            return bridges.made_compatible(bridges.boot(self.adapter, self.hf))

        return self.once.get("the bridge in compatibility mode", make, self.module_path)

    @property
    def trace(self) -> Trace:
        """The bridge's main forward pass, on the tokens of HF's, which must have succeeded."""
        assert self.hf.seen is not None
        bridge = self.bridge
        return self.once.get(
            "the bridge's forward pass",
            lambda: bridges.trace(bridge, self.hf.batch(self.hf.length)),
            self.module_path,
        )

    @property
    def stages(self) -> list[Stage]:
        """Every activation of the main pass, in the order of computing."""
        return self.once.get("HF's activations", lambda: stages(self.hf, self.spec, self.layers))

    def logits(self, batch: Batch) -> Tensor:
        """The bridge's logits [batch, pos, vocab], once the main pass has succeeded."""
        assert self.trace is not None
        return bridges.logits(self.bridge, batch)

    def compatible_logits(self, batch: Batch) -> Tensor:
        """Logits [batch, pos, vocab] in compatibility mode, once the main pass has succeeded."""
        assert self.trace is not None
        return bridges.logits(self.compatible, batch)
