"""Bridges of the projections that HF computes by one layer, such as queries, keys and values.

HF's layer stays what and where it is, whatever it computes: its weights may be quantised, elsewhere
until it runs, or not all that it adds up. It runs whole, and each projection is a part of what it
returns.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

from .hook_aware import LinearBridge, has_hooks, has_torch_hooks, hf_module, version_of
from .mlp import GatedMLPBridge


@dataclass(frozen=True)
class Joint:
    """A layer of HF's, of which projections are parts; its bridge is called `role`.

    Its outputs lie in groups, and in each group the projections, in this order. `shares` says by
    name how many of all outputs each has, relative to the others.
    """

    role: str
    shares: Mapping[str, int]
    groups: int = 1

    def put_into(self, bridge: Any, owner: nn.Module) -> None:
        """Let the bridges named after the layer have their part of it."""
        layer = bridge.submodules[self.role]
        layer.set_original_component(owner.get_submodule(layer.name))
        layer.is_made_of(self)
        parts = [part for part in bridge.submodules.values() if isinstance(part, PartBridge)]
        for part in parts:
            part.set_original_component(_Part(self, part.share, layer))
        owner.set_submodule(layer.name, _Joined(self, layer, parts))

    def apart(self, share: str, layer: Any) -> nn.Linear:
        """A layer that computes what the whole does for one projection."""
        weight = self.part(share, layer.weight, 0).flatten(0, 1)
        alone = nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias is not None)
        alone.weight = nn.Parameter(weight.detach().clone())
        if layer.bias is not None:
            alone.bias = nn.Parameter(self.part(share, layer.bias, 0).flatten().detach().clone())
        return alone

    def part(self, share: str, whole: torch.Tensor, dim: int) -> torch.Tensor:
        """A view of a projection's part of weights or outputs [..., group, width, ...]."""
        unit = whole.shape[dim] // sum(self.shares.values())
        widths = {key: count * unit // self.groups for key, count in self.shares.items()}
        names = list(widths)
        start = sum(widths[name] for name in names[: names.index(share)])
        grouped = torch.unflatten(whole, dim, (self.groups, -1))
        # Hooks may change it in place, which PyTorch allows for views that are made one by one.
        return grouped.narrow(dim + 1, start, widths[share])

    def piece(self, share: str, outputs: torch.Tensor) -> torch.Tensor:
        """A projection's part [..., width] of what the layer returns."""
        last = outputs.ndim - 1
        return self.part(share, outputs, last).flatten(last)

    def joined(self, pieces: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the layer returns [..., width of all projections] of which these are the parts."""
        split = (self.groups, -1)
        grouped = [torch.unflatten(pieces[name], -1, split) for name in self.shares]
        return torch.cat(grouped, dim=-1).flatten(-2)


class JointLinearBridge(LinearBridge):
    """The bridge of the layer as a whole; its calls fire hooks on what projections read, too."""

    # What it is made of; TL would hand attributes without an underscore on to HF's layer.
    _joint: Joint
    # The projections that the present call is for, and those that share one, if any do.
    _called_for: tuple["PartBridge", ...] = ()
    _sharing: tuple["PartBridge", ...] = ()
    # What those were handed, and the layer returned.
    _shared: tuple[torch.Tensor, ...] = ()

    def is_made_of(self, joint: Joint) -> None:
        """Learn how projections lie in what the layer returns."""
        self._joint = joint

    @contextmanager
    def running_once(self, parts: Iterable["PartBridge"]) -> Iterator[None]:
        """While active, projections that are handed the same tensor share a call of the layer."""
        # Hooks of PyTorch's may hand a projection another tensor than the others.
        self._sharing = tuple(part for part in parts if not has_torch_hooks(part))
        try:
            yield
        finally:
            self._sharing, self._shared = (), ()

    def outputs(self, hidden_states: torch.Tensor, *parts: "PartBridge") -> torch.Tensor:
        """What the layer returns [..., width of all projections], called by these or for others."""
        alone = not self._sharing or any(part not in self._sharing for part in parts)
        if not alone and self._shared and self._shared[0] is hidden_states:
            return self._shared[1]
        self._called_for = parts if alone else self._sharing
        try:
            outputs: torch.Tensor = self(hidden_states)
        finally:
            self._called_for = ()
        self._shared = self._shared if alone else (hidden_states, outputs)
        return outputs

    def is_observed(self) -> bool:
        """Whether there is a hook on it, or may be one on what projections read."""
        return bool(self._called_for) or has_hooks(self)

    def forward(self, hidden_states: torch.Tensor) -> Any:
        """Run the layer, and each hook once; called as HF's is, and returns what it does."""
        parts, self._called_for = self._called_for, ()
        if not parts:
            return super().forward(hidden_states)
        return self.hook_out(self._of_inputs(self.hook_in(hidden_states), parts))

    def _of_inputs(self, hidden: torch.Tensor, parts: Iterable["PartBridge"]) -> torch.Tensor:
        """What HF's layer returns where each projection reads what hooks make of its input.

        It runs once for all that are left what they are handed. A hook for gradients leaves a
        projection an input of its own, whose gradient is due to that projection alone.
        """
        layer: Any = self.original_component
        called_for = {part.share: part for part in parts}
        runs: list[tuple[torch.Tensor, float, torch.Tensor]] = []
        pieces: dict[str, torch.Tensor] = {}
        for share in self._joint.shares:
            part = called_for.get(share)
            given = hidden if part is None else part.hook_in(hidden)
            found = [run for run in runs if run[0] is given and run[1] == version_of(given)]
            if not found:
                found = [(given, version_of(given), layer(given))]
                runs += found
            pieces[share] = self._joint.piece(share, found[0][2])
        return runs[0][2] if len(runs) == 1 else self._joint.joined(pieces)


class PartBridge(LinearBridge):
    """The bridge of one projection; its name is that of the layer, a dot, and its share."""

    @property
    def share(self) -> str:
        """Which part of the layer it is."""
        return str(self.name).rpartition(".")[2]

    def forward(self, hidden_states: torch.Tensor) -> Any:
        """Take its part of what the layer returns, whose call fires the hook on its input."""
        part: Any = self.original_component
        return self.hook_out(part(hidden_states, self))

    def set_processed_weights(
        self, weights: Mapping[str, torch.Tensor | None], verbose: bool = False
    ) -> None:
        """Write weight and bias into HF's layer."""
        part: Any = self.original_component
        for parameter, value in weights.items():
            if value is not None:
                part.write(parameter, value)


class Joining(GeneralizedComponent):
    """A bridge below which HF may compute several projections by one layer."""

    def __init__(self, *args: Any, joint: Joint | None = None, **kwargs: Any) -> None:
        """Make the bridge, as TL's."""
        super().__init__(*args, **kwargs)
        self.joint = joint

    def set_original_component(self, original_component: nn.Module) -> None:
        """Set the module that the bridge wraps."""
        super().set_original_component(original_component)
        if self.joint is not None:
            self.joint.put_into(self, original_component)


class JointGatedMLPBridge(Joining, GatedMLPBridge):
    """The bridge of a gated MLP, whose gate and input are one layer."""


class _Joined(nn.Module):
    """What HF runs in place of the layer: hooks see, and may change, what its parts return."""

    def __init__(self, joint: Joint, layer: JointLinearBridge, parts: Iterable[PartBridge]) -> None:
        super().__init__()
        # TL leaves this name out of those of HF's parameters.
        self._original_component = layer
        self.joint = joint
        # As no submodules, which they are of TL's bridge.
        self.parts = tuple(parts)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Run the layer; called as HF's is, and returns what it does."""
        layer: Any = self._original_component
        if not any(part.is_observed() or has_torch_hooks(part) for part in self.parts):
            outputs: torch.Tensor = layer(hidden_states)
            return outputs
        with layer.running_once(self.parts):
            found = {part.share: part(hidden_states) for part in self.parts}
        return self.joint.joined(found)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # HF's code may ask the layer for its weight.
            return getattr(super().__getattr__("_original_component"), name)


class _Part(nn.Module):
    """A projection as a layer. Its parameters are parts of HF's, under names of their own."""

    def __init__(self, joint: Joint, share: str, layer: JointLinearBridge) -> None:
        super().__init__()
        self.joint = joint
        self.share = share
        # As no submodule, which it is of TL's bridge.
        self.layers = (layer,)

    def forward(self, hidden_states: torch.Tensor, *bridges: PartBridge) -> torch.Tensor:
        """What the layer returns for this projection [..., width], by its bridge or alone."""
        return self.joint.piece(self.share, self.layers[0].outputs(hidden_states, *bridges))

    def view(self, parameter: str) -> torch.Tensor | None:
        """A view of its part of HF's parameter [group, width, ...].

        Raises:
            AttributeError: if the parameter's type shows no part, as quantised ones may.
        """
        whole = getattr(self.layers[0], parameter)
        try:
            return None if whole is None else self.joint.part(self.share, whole, 0)
        except RuntimeError as error:
            raise AttributeError(f"a {type(whole).__name__} cannot be taken apart") from error

    def write(self, parameter: str, value: torch.Tensor) -> None:
        """Change its part of HF's parameter; a layer without bias gets one."""
        layer = hf_module(self.layers[0])
        if getattr(layer, parameter) is None:
            layer.bias = nn.Parameter(layer.weight.new_zeros(len(layer.weight)))
        with torch.no_grad():
            view: Any = self.view(parameter)
            # A copy, since the value may be this very memory.
            view.copy_(value.reshape(view.shape).clone())

    @property
    def weight(self) -> torch.Tensor:
        """The part of the weight [width, d_model]."""
        view: Any = self.view("weight")
        found: torch.Tensor = view.flatten(0, 1)
        return found

    @property
    def bias(self) -> torch.Tensor | None:
        """The part of the bias [width]; none where the layer has none."""
        view = self.view("bias")
        return None if view is None else view.flatten()

    @property
    def in_features(self) -> int:
        """The width of what it reads."""
        return int(self.layers[0].in_features)

    @property
    def out_features(self) -> int:
        """The width of what it returns."""
        shares = self.joint.shares
        return int(self.layers[0].out_features) * shares[self.share] // sum(shares.values())

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for parameter in ("weight", "bias"):
            value = getattr(self, parameter, None)
            if value is not None:
                destination[prefix + parameter] = value if keep_vars else value.detach()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        _, _, missing_keys, _, error_msgs = args
        for parameter in ("weight", "bias"):
            key, own = prefix + parameter, getattr(self, parameter, None)
            given = state_dict.get(key)
            if own is None:
                continue
            if given is None:
                missing_keys.append(key)
            elif given.shape != own.shape:
                shapes = f"{tuple(given.shape)}, not {tuple(own.shape)}"
                error_msgs.append(f"size mismatch for {key}: its shape is {shapes}")
            else:
                self.write(parameter, given)
