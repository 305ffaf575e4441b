"""The oracle: a tiny HF model, and what it computes. It knows nothing of specs or adapters."""

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.initialization import no_init_weights

from adaptergen.verify.amplify import amplify, learned
from adaptergen.verify.call import Call
from adaptergen.verify.classes import is_model
from adaptergen.verify.once import Made, MissingError, once

_SEED = 7
_BATCH = 2
_LENGTH = 24
_LONGEST = 1024

# Classes that transformers does not have, by name.
_OWN: dict[str, Any] = {}


@dataclass(frozen=True)
class Batch:
    """Tokens [batch, pos], and for padded ones a mask [batch, pos] with 1 on real tokens."""

    ids: Tensor
    mask: Tensor | None = None

    @property
    def arguments(self) -> dict[str, Tensor]:
        """Arguments for HF, which does not derive positions from a mask by itself."""
        if self.mask is None:
            return {"input_ids": self.ids}
        positions = (self.mask.cumsum(-1) - 1).clamp(min=0)
        return {"input_ids": self.ids, "attention_mask": self.mask, "position_ids": positions}

    @property
    def real(self) -> Tensor:
        """Mask of the tokens that are no padding [batch, pos]."""
        return torch.ones_like(self.ids).bool() if self.mask is None else self.mask.bool()


@dataclass(frozen=True)
class Observation:
    """One forward pass.

    Logits [batch, pos, vocab], attention patterns [batch, head, query, key] by layer, the call of
    each module by its path in the order of first finishing, its last one, and how often each ran.
    """

    logits: Tensor
    patterns: tuple[Tensor, ...]
    calls: dict[str, Call]
    runs: Mapping[str, int]


def own_class(cls: type) -> None:
    """Make a class that is no part of transformers known by its name."""
    _OWN[cls.__name__] = cls


def hf_class(architecture: str) -> Any:
    """The HF class of that name, one made known by `own_class` first.

    Raises:
        MissingError: if there is none, in the installed transformers neither.
    """
    found = _OWN.get(architecture) or getattr(transformers, architecture, None)
    if not is_model(found):
        installed = f"transformers {transformers.__version__}"
        hint = "code in a folder is run with --trust-remote-code"
        raise MissingError(f"{installed} has no {architecture}; {hint}")
    return found


def hf_config(architecture: str, settings: Mapping[str, Any], attention: str = "eager") -> Any:
    """The HF config of the architecture's class, with eager experts."""
    chosen = {"attn_implementation": attention, "experts_implementation": "eager"}
    return hf_class(architecture).config_class(**{**settings, **chosen})


def unfilled(architecture: str, config: Any) -> nn.Module:
    """A HF model that a config describes, whose weights are yet to be filled in."""
    # Faster than the meta device, which looks at every call of a function.
    with no_init_weights():
        model = hf_class(architecture)(config)
    model.tie_weights()
    built: nn.Module = model
    return built


def window_settings(config: Any) -> dict[str, Any]:
    """The config keys that may say how far attention reaches, with their values."""
    usual = {own: name for name, own in config.attribute_map.items()}
    names = {key: usual.get(key, key) for key in config.to_dict()}
    return {
        key: value
        for key, value in config.to_dict().items()
        if "window" in names[key] and "layers" not in names[key]
    }


class HfModel:
    """A tiny HF model, in float64 with amplified weights, built from its config alone."""

    def __init__(
        self,
        architecture: str,
        settings: Mapping[str, Any],
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.architecture = architecture
        self.settings = dict(settings)
        self.dtype = dtype
        self.made = Made()
        self._weights: dict[str, Tensor] = {}

    @once("HF's model with {changes} and the same weights")
    def moved(self, changes: Mapping[str, Any]) -> "HfModel":
        """The same weights under a config with some keys changed; shapes must be the same."""
        other = HfModel(self.architecture, {**self.settings, **changes}, self.dtype)
        other._weights = learned(self.model)
        return other

    @property
    @once("the HF model")
    def model(self) -> Any:
        """The HF model, in evaluation mode."""
        return self._build()

    def require_model(self) -> None:
        """Raise `UnavailableError` if HF does not build the model."""
        _ = self.model

    @once("HF's model of {implementation}")
    def computing(self, implementation: str) -> Any:
        """The HF model, or the same one with attention of this implementation."""
        if self.config._attn_implementation == implementation:
            return self.model
        # Built as a user loads it: some classes choose their modules by it.
        config = hf_config(self.architecture, self.settings, implementation)
        return self._filled(config, learned(self.model))

    @property
    def config(self) -> Any:
        """The HF config of the model."""
        return self.model.config

    @property
    def dim(self) -> int:
        """Width of the residual stream, as the embedding has it."""
        return int(self.model.get_input_embeddings().weight.shape[-1])

    def _build(self) -> nn.Module:
        if self._weights:
            return self._filled(hf_config(self.architecture, self.settings), self._weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            model = hf_class(self.architecture)(hf_config(self.architecture, self.settings))
        model.eval().to(self.dtype)
        amplify(model)
        built: nn.Module = model
        return built

    def _filled(self, config: Any, weights: Mapping[str, Tensor]) -> nn.Module:
        model = unfilled(self.architecture, config)
        model.eval().to(self.dtype)
        for name, weight in learned(model).items():
            weight.data.copy_(weights[name])
        return model

    def batch(self, length: int) -> Batch:
        """Random tokens [batch, length], none of them special."""
        generator = torch.Generator().manual_seed(_SEED)
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        return Batch(torch.randint(3, vocabulary, (_BATCH, length), generator=generator))

    def has(self, path: str) -> bool:
        """Whether the model has a module at that path."""
        return path in self._modules

    @once("HF's module {path}")
    def module(self, path: str) -> Any:
        """The module at that path.

        Raises:
            UnavailableError: if there is none.
        """
        parent, _, name = path.rpartition(".")
        while parent and parent not in self._modules:
            parent, _, name = parent.rpartition(".")
        if path in self._modules:
            return self._modules[path]
        siblings = [n for n, _ in self._modules[parent].named_children()]
        listed = ", ".join(siblings[:8]) or "no modules"
        raise MissingError(f"HF's {parent or 'model'} has no '{name}', only: {listed}")

    @property
    @once("HF's modules")
    def _modules(self) -> dict[str, nn.Module]:
        return dict(self.model.named_modules(remove_duplicate=False))

    @property
    @once("the length of HF's pass")
    def length(self) -> int:
        """How many tokens the main pass has: more than two windows, where there are windows."""
        limit = getattr(self.config, "max_position_embeddings", _LONGEST)
        windows = [w for w in window_settings(self.config).values() if isinstance(w, int)]
        needed = [2 * window + 8 for window in windows if 2 * window + 8 <= limit]
        return max([_LENGTH, *needed])

    @property
    @once("HF's forward pass")
    def seen(self) -> Observation:
        """The main forward pass, on unpadded tokens."""
        return self.observe(self.batch(self.length))

    def require_pass(self) -> None:
        """Raise `UnavailableError` if HF does not run the main pass."""
        _ = self.seen

    @once("the call of HF's {path}")
    def call(self, path: str) -> Call:
        """How the module at that path was called in the main forward pass.

        Raises:
            UnavailableError: if there is no such module, or it did not run.
        """
        self.module(path)
        if path not in self.seen.calls:
            raise MissingError(f"HF does not run {path}")
        return self.seen.calls[path]

    def observe(self, batch: Batch, *, use_cache: bool = False) -> Observation:
        """Run the model and record every module's call."""
        calls: dict[str, Call] = {}
        runs: Counter[str] = Counter()

        def recorder(path: str) -> Any:
            def record(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
                runs[path] += 1
                # Kept as it is now: the caller may change it in place.
                kept = output.clone() if isinstance(output, Tensor) else output
                calls[path] = Call.of(module, args, kwargs, kept)

            return record

        handles = [
            module.register_forward_hook(recorder(path), with_kwargs=True)
            for path, module in self.model.named_modules()
        ]
        try:
            with torch.no_grad():
                output = self.model(
                    **self._arguments(batch, output_attentions=True, use_cache=use_cache)
                )
        finally:
            for handle in handles:
                handle.remove()
        patterns = getattr(output, "attentions", None) or ()
        return Observation(output.logits, patterns, calls, runs)

    def _arguments(self, batch: Batch, **options: bool) -> dict[str, Any]:
        """A batch and options as arguments, without those that the model does not take."""
        parameters = inspect.signature(self.model.forward).parameters
        given = {**batch.arguments, **options}
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return given
        return {name: value for name, value in given.items() if name in parameters}

    def padded(self, side: str) -> Batch:
        """A batch whose rows have different amounts of padding on that side, the first none."""
        ids = self.batch(self.length).ids
        padding = torch.arange(len(ids)).unsqueeze(1) * 5
        position = torch.arange(ids.shape[1]).unsqueeze(0)
        if side == "right":
            position = position.flip(1)
        return Batch(ids, (position >= padding).long())

    def logits(self, batch: Batch) -> Tensor:
        """Logits [batch, pos, vocab]."""
        with torch.no_grad():
            found: Tensor = self.model(**self._arguments(batch, use_cache=False)).logits
        return found

    def rerun(self, path: str, call: Call) -> Call:
        """Run one module again on a call's arguments."""
        return replace(call, output=self.module(path)(*call.args, **call.kwargs))
