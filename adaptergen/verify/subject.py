"""The subject of a verification: a spec, its adapter's file, and the HF model of both."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.spec.model import Spec
from adaptergen.spec.verification import KnownFailure
from adaptergen.verify import bridge as bridges
from adaptergen.verify.bridge import Trace
from adaptergen.verify.check import EXACT, ROUNDED
from adaptergen.verify.components import Component, components
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.layout import as_installed, depends_on_config, under
from adaptergen.verify.module import SHIPPED, load_adapter
from adaptergen.verify.once import Made, once
from adaptergen.verify.stage import Stage
from adaptergen.verify.stages import stages
from adaptergen.verify.unembedding import scale_ahead
from adaptergen.verify.versions import exceptions_apply

_FEW = 6


class Subject:
    """Everything that checks look at, made when first asked for.

    Properties raise `UnavailableError` where the adapter, or HF, does not get that far.
    """

    # How exact values must agree.
    tolerance = EXACT
    # Whether the adapter leaves attention to HF while no hook needs it step by step.
    fuses = False
    # Checks that the adapter is known to fail, with the reason.
    known: Mapping[str, KnownFailure] = MappingProxyType({})

    def __init__(
        self,
        spec: Spec,
        module_path: str,
        overrides: Mapping[str, Any] | None = None,
        hf: HfModel | None = None,
        thrifty: bool = False,
    ) -> None:
        """A `thrifty` subject has one bridge: once `compatible` was asked for, `bridge` is it."""
        self._spec = _never_fused(spec) if module_path.startswith(SHIPPED) else spec
        self.fuses = self._spec.fuses
        older = {} if exceptions_apply() else spec.verification.older
        self.known = {**spec.verification.checks, **older}
        if spec.verification.float32 is not None:
            self.tolerance = ROUNDED
        self._begin(spec.architecture, spec.tiny, module_path, overrides, hf, thrifty)

    def _begin(
        self,
        architecture: str,
        tiny: Mapping[str, Any],
        module_path: str,
        overrides: Mapping[str, Any] | None,
        hf: HfModel | None,
        thrifty: bool,
    ) -> None:
        """Set up what needs no spec."""
        self.architecture = architecture
        self.module_path = module_path
        self.overrides = dict(overrides or {})
        self.settings = {**tiny, **self.overrides}
        self.thrifty = thrifty
        self.hf = hf or HfModel(architecture, self.settings)
        self.made = Made()

    @property
    @once("the spec's layout")
    def spec(self) -> Spec:
        """The spec that the adapter is held against, under the config of its HF model."""
        spec = self.declared
        return under(spec, self.hf.config) if depends_on_config(spec) else spec

    @property
    @once("the spec for this transformers")
    def declared(self) -> Spec:
        """The spec for all configs."""
        return as_installed(self._spec, self.hf) if self._spec.versions else self._spec

    def spec_under(self, config: object) -> Spec:
        """The spec that the adapter is held against under another HF config."""
        return under(self.declared, config)

    def variant(self, **changes: Any) -> "Subject":
        """The same spec and adapter on another HF config, with one bridge for everything."""
        return Subject(self.declared, self.module_path, {**self.overrides, **changes}, thrifty=True)

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
    @once("the adapter's module")
    def adapter(self) -> type[ArchitectureAdapter]:
        """The adapter class."""
        return self.load_adapter()

    def load_adapter(self) -> type[ArchitectureAdapter]:
        """The adapter class, loaded anew."""
        return load_adapter(self.module_path)

    @property
    def mapping(self) -> list[Component]:
        """Every component that the adapter maps, before TL looks for it in the model."""
        return self._mapped[0]

    @property
    def prepared(self) -> dict[str, Any]:
        """The modules of HF's model as the adapter prepares it, by path."""
        return dict(self._mapped[1].named_modules())

    @property
    @once("the adapter's mapping")
    def _mapped(self) -> tuple[list[Component], Any]:
        other = "eager" if self.attention_implementation == "sdpa" else "sdpa"
        return components(self.adapter, self.hf, other)

    @property
    def attention_implementation(self) -> str:
        """The implementation of HF's attention that the adapter needs."""
        return "sdpa" if self.fuses else "eager"

    @property
    @once("the bridge")
    def bridge(self) -> TransformerBridge:
        """The bridge as booted."""
        return self.boot()

    def boot(self, adapter: type[ArchitectureAdapter] | None = None) -> TransformerBridge:
        """Another bridge, around a model with the attention that the adapter leaves to HF."""
        chosen, attention = adapter or self.adapter, self.attention_implementation
        # HF's own failure comes first.
        self.hf.require_model()
        return bridges.boot(chosen, self.hf, attention)

    def require_bridge(self) -> None:
        """Raise `UnavailableError` if the bridge does not boot."""
        _ = self.bridge

    @property
    @once("the bridge in compatibility mode")
    def compatible(self) -> TransformerBridge:
        """A bridge in compatibility mode; another one than `bridge`, unless thrifty."""
        self.require_bridge()
        return bridges.made_compatible(self.bridge if self.thrifty else self.boot())

    @property
    @once("the bridge's forward pass")
    def trace(self) -> Trace:
        """The bridge's main forward pass, on the tokens of HF's, which must have succeeded."""
        self.hf.require_pass()
        return bridges.trace(self.bridge, self.hf.batch(self.hf.length))

    def require_pass(self) -> None:
        """Raise `UnavailableError` if HF or the bridge does not run the main pass."""
        _ = self.trace

    @property
    def first_points(self) -> dict[HookPoint, str]:
        """The hook points of the first layer that fire in the main pass, with a name of each."""
        existing, fired = self.bridge.hook_dict, self.trace.values
        names = [name for name in fired if name.startswith("blocks.0.") and name in existing]
        return {existing[name]: name for name in names}

    @property
    def few_ids(self) -> Tensor:
        """Tokens [1, pos], for passes of which each hook point of a layer takes several."""
        return self.hf.batch(self.hf.length).ids[:1, :_FEW]

    @property
    @once("HF's activations")
    def stages(self) -> list[Stage]:
        """Every activation of the main pass, in the order of computing."""
        return stages(self.hf, self.spec, self.layers)

    @property
    def scale_ahead(self) -> float:
        """The factor by which HF scales what the unembedding reads; one where it does not."""
        return scale_ahead(self.hf, self.spec)

    def logits(self, batch: Batch) -> Tensor:
        """The logits [batch, pos, vocab] of TL's attention, once the main pass has succeeded."""
        self.require_pass()
        return bridges.stepwise_logits(self.bridge, batch)

    def compatible_difference(self) -> float:
        """How far log-probabilities in compatibility mode are from HF's, on the main pass."""
        self.require_pass()
        return bridges.log_probability_difference(self.compatible, self.hf)


def _never_fused(spec: Spec) -> Spec:
    """The spec of an adapter that never leaves attention to HF, as those that TL ships."""
    if not spec.fuses:
        return spec
    attention = spec.attention.model_copy(update={"fused": "never"})
    return spec.model_copy(update={"attention": attention})
