"""What all generated adapters have in common."""

import inspect
from typing import Any, ClassVar

import torch
from torch import nn
from transformer_lens.model_bridge import generalized_components as tl
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from .hook_aware import hf_module
from .places import move_as_installed, number_layers


class BaseAdapter(ArchitectureAdapter):
    """An adapter that has weights processed only where they are what HF's layers compute."""

    # HF's config keys are there too, which its type does not name.
    cfg: Any

    # By TL's names of parameters. TL allows none at all, which is no adapter's case here.
    weight_processing_conversions: dict[str, Any]

    # What TL may do to weights, unless an adapter says otherwise.
    supports_fold_ln = True
    supports_center_writing_weights = True

    # Values of HF config keys under which it is none for a model.
    refused: ClassVar[dict[str, bool]] = {}

    # What HF's class takes for config keys that are not given.
    defaults: ClassVar[dict[str, Any]] = {}

    # Where HF's modules are in other versions of transformers, by places of which these lack one:
    # the place there, or none. `*` stands for each block.
    versions: tuple[dict[str, str | None], ...] = ()

    _bridged: nn.Module | None = None
    _mapped_as_installed = False

    def __init__(self, cfg: Any) -> None:
        """Set what HF's config says under a name that TL does not read, and what it leaves out."""
        super().__init__(cfg)
        for key, value in self.defaults.items():
            if getattr(self.cfg, key, None) is None:
                setattr(self.cfg, key, value)
        # Conversions of biases that may be there, until a model is wrapped.
        self.withheld: dict[str, Any] = {}
        rope = getattr(self.cfg, "rope_parameters", None) or {}
        if "rope_theta" in rope:
            self.cfg.rotary_base = rope["rope_theta"]

    def require(self, flag: str) -> None:
        """Refuse a TransformerLens that would compute as if a config flag were not set.

        Raises:
            NotImplementedError: if its config does not have the flag.
        """
        if not hasattr(self.cfg, flag):
            raise NotImplementedError(
                f"the installed TransformerLens does not know {flag}, without which attention"
                " would be wrong; 4.3 does"
            )

    def split_where_present(self, *biases: str) -> None:
        """Withhold the conversions of biases until a model that has these biases is wrapped."""
        for bias in biases:
            self.withheld[bias] = self.weight_processing_conversions.pop(bias)

    def prepare_model(self, hf_model: Any) -> None:
        """Make the HF model ready to be wrapped.

        Raises:
            NotImplementedError: if a switch of its config is neither on nor off.
        """
        config = getattr(hf_model, "config", None)
        for key, value in self.defaults.items():
            # TL leaves out what is null, which HF takes for no.
            if value is True and getattr(config, key, value) is None:
                raise NotImplementedError(f"config.{key} is null; say whether it is true or false")
        said = {key: getattr(config, key, None) for key in self.defaults}
        self.learn({key: value for key, value in said.items() if value is not None})
        super().prepare_model(hf_model)
        self._map_as_installed(hf_model)
        if config is not None and not getattr(self, "supports_hf_output_attentions", True):
            # TL asks for it as it loads a model. With SDPA, the config could not be saved again.
            config.output_attentions = False

    def learn(self, fields: dict[str, Any]) -> None:
        """Have these values in TL's config, which takes over no more of HF's than names it knows.

        Weights and components are mapped by them: the adapter is made anew if any is another.
        """
        if any(getattr(self.cfg, field, None) != value for field, value in fields.items()):
            for field, value in fields.items():
                setattr(self.cfg, field, value)
            type(self).__init__(self, self.cfg)

    def get_remote_component(self, model: Any, path: str) -> Any:
        """What HF has at a path. TL asks for parts of the whole model first."""
        self._map_as_installed(model)
        return super().get_remote_component(model, path)

    def _map_as_installed(self, hf_model: Any) -> None:
        if not self._mapped_as_installed:
            self._mapped_as_installed = True
            components = self.component_mapping or {}
            move_as_installed(components, self.versions, hf_model)
            number_layers(components, hf_model)

    def setup_hook_compatibility(self, bridge: Any) -> None:
        """Learn which model is wrapped and which biases it has; called by TL once it is.

        Attention learns which layer it is of, and what computes its cosines and sines.
        """
        self._bridged = getattr(bridge, "original_model", None)
        unembed = getattr(bridge, "unembed", None)
        if unembed is not None:
            _leave_out_unknown_bias(hf_module(unembed))
        if self._bridged is not None:
            _take_tls_cache(self._bridged)
        rotary = getattr(bridge, "rotary_emb", None)
        for number, block in enumerate(getattr(bridge, "blocks", ())):
            for bias in [bias for bias in self.withheld if _has(block, bias)]:
                self.weight_processing_conversions[bias] = self.withheld.pop(bias)
            attention = getattr(block, "attn", None)
            set_layer = getattr(attention, "set_layer", None)
            if set_layer is not None:
                set_layer(number)
            set_rotary_emb = getattr(attention, "set_rotary_emb", None)
            if rotary is not None and set_rotary_emb is not None:
                set_rotary_emb(rotary.original_component)

    def setup_no_processing_hooks(self, bridge: Any) -> None:
        """TL's former name of `setup_hook_compatibility`."""
        self.setup_hook_compatibility(bridge)

    def split_qkv_matrix(self, attention: Any) -> tuple[nn.Linear, ...]:
        """Layers of their own for queries, keys and values, where HF's attention has one for all.

        For a look at the weights: HF's layer stays what is used.
        """
        bridge: Any = self.get_component_mapping()["blocks"].submodules["attn"]
        layer = getattr(attention, bridge.submodules["qkv"].name)
        return tuple(bridge.joint.apart(share, layer) for share in "qkv")

    def preprocess_weights(self, state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Change weights, by TL's names, before TL folds and centres them; none here.

        Raises:
            NotImplementedError: if there is more to a linear layer than its weight and bias.
        """
        for name, bridge in self._bridged.named_modules() if self._bridged else ():
            linear = isinstance(bridge, tl.LinearBridge | tl.UnembeddingBridge)
            if not linear or isinstance(bridge, tl.MoERouterBridge):
                continue
            layer = hf_module(bridge)
            if not _is_its_weight(layer):
                raise NotImplementedError(
                    f"weights cannot be processed: {name.replace('._original_component', '')}"
                    f" ({type(layer).__name__}) computes more than its weight and bias say;"
                    " merge or dequantise it before the model is wrapped"
                )
        return super().preprocess_weights(state_dict)


def _take_tls_cache(model: nn.Module) -> None:
    """Let a model have the cache that TL hands it under the name that HF had before 5.24.

    HF's own classes take both names.
    """
    names = inspect.signature(model.forward).parameters
    outside = not type(model).__module__.startswith("transformers.")
    if outside and "cache" in names and "past_key_values" not in names:
        model.register_forward_pre_hook(_renamed_cache, with_kwargs=True)


def _renamed_cache(model: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
    if "past_key_values" in kwargs:
        kwargs["cache"] = kwargs.pop("past_key_values")
    return args, kwargs


def _has(block: Any, parameter: str) -> bool:
    """Whether a block has a parameter, named `blocks.{i}.` and its place in a block."""
    found = block
    for name in parameter.split(".")[2:]:
        found = getattr(found, name, None)
    return found is not None


def _leave_out_unknown_bias(layer: Any) -> None:
    """Take the bias from a layer whose weights are elsewhere, if it is none of these.

    TL 3.9 adds one, which accelerate would look for as the layer runs.
    """
    elsewhere = getattr(getattr(layer, "_hf_hook", None), "weights_map", None)
    if elsewhere is not None and "bias" not in elsewhere:
        layer.bias = None


def _is_its_weight(layer: Any) -> bool:
    """Whether a layer returns for random input what its weight and bias say, as plain tensors."""
    weight, bias = layer.weight, getattr(layer, "bias", None)
    if type(weight.data) is not torch.Tensor or not weight.is_floating_point():
        return False
    source = torch.Generator(weight.device).manual_seed(0)
    shape = (1, 2, weight.shape[-1])
    inputs = torch.randn(shape, generator=source, dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        said, found = nn.functional.linear(inputs, weight, bias), layer(inputs)
    rounded = 4 * torch.finfo(said.dtype).eps * said.abs().max()
    return bool(((found - said).abs() <= rounded).all())
