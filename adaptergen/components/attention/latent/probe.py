"""Multi-head latent attention in HF's model."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, NotApplicableError
from adaptergen.verify.declared import parameters_of_norm
from adaptergen.verify.disturbed import DISTURBED, disturbed
from adaptergen.verify.heads import split
from adaptergen.verify.hf import HfModel
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure, decided

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(AttentionProbe[LatentAttention]):
    """Projections to latents, norms of these, and projections to queries, keys and values."""

    output_claim = "attention.o"
    query_claim = "attention.query_heads"
    settings_lacking = ("set_use_attn_in", "set_use_split_qkv_input")

    @property
    def without_heads(self) -> str:
        """Queries, keys and values are not outputs of projections of the residual stream."""
        return "attention goes through latents, TL splits no weights by head"

    @property
    def without_steps(self) -> str:
        """Queries, keys and values come from latents."""
        return "attention goes through latents"

    def compressed(self, config: object) -> bool:
        """Whether queries have a latent too."""
        return getattr(config, self.attention.compressed, None) is not None

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Each projection and norm, the latents, scores, pattern, and what the heads return."""
        attention, compressed = self.attention, self.compressed(layer.hf.config)
        keys = {path: key for key, path in attention.model_dump().items() if isinstance(path, str)}
        for role, name in self._modules(compressed).items():
            call, claim = layer.call(f"{attention.path}.{name}"), f"attention.{keys[name]}"
            yield layer.stage(f"attn.{role}.hook_in", "attention", claim, _flat(call.input))
            yield layer.stage(f"attn.{role}.hook_out", "attention", claim, _flat(call.value))
        latents = {"q": attention.q_norm} if compressed else {}
        for role, name in {**latents, "kv": attention.kv_norm}.items():
            value = _flat(layer.call(f"{attention.path}.{name}").value)
            hook, claim = f"attn.hook_{role}_latent", f"attention.{role}_norm"
            yield layer.stage(hook, "attention", claim, value)
        yield from self.scores(layer)
        yield from self.pattern(layer)
        output = layer.call(f"{attention.path}.{attention.o}")
        size = getattr(layer.hf.config, attention.value_head_dim)
        for hook in ("attn.o.hook_in", "attn.hook_z"):
            value = split(output.input, size)
            yield layer.stage(hook, "attention", "attention.value_head_dim", value)
        yield layer.stage("attn.o.hook_out", "attention", "attention.o", output.value)

    def _modules(self, compressed: bool) -> dict[str, str]:
        """TL's names of the modules before the scores, with the HF name of each."""
        attention = self.attention
        queries = {
            "q_a_proj": attention.q_a,
            "q_a_layernorm": attention.q_norm,
            "q_b_proj": attention.q_b,
        }
        return (queries if compressed else {"q_proj": attention.q}) | {
            "kv_a_proj_with_mqa": attention.kv_a,
            "kv_a_layernorm": attention.kv_norm,
            "kv_b_proj": attention.kv_b,
        }

    def parameters(self, spec: Spec, config: object) -> Iterator[tuple[str, str]]:
        """Those beside the layers that every config has."""
        attention, compressed = self.attention, self.compressed(config)
        for key in ("q_a", "q_b") if compressed else ("q",):
            yield f"{attention.path}.{getattr(attention, key)}.weight", f"attention.{key}"
        for key in self._norms(compressed):
            path = f"{attention.path}.{getattr(attention, key)}"
            yield from ((name, f"attention.{key}") for name in parameters_of_norm(spec, path))
        if decided(config, attention.bias):
            for key in ("q_a", "kv_a", "o") if compressed else ("kv_a", "o"):
                yield f"{attention.path}.{getattr(attention, key)}.bias", "attention.bias"

    def _norms(self, compressed: bool) -> tuple[str, ...]:
        return ("q_norm", "kv_norm") if compressed else ("kv_norm",)

    def conditions(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Queries without a latent."""
        yield {self.attention.compressed: None}, "attention.compressed"

    def counts(self, config: object) -> tuple[int, int]:
        """Every query head has its own keys and values."""
        count = int(getattr(config, self.attention.query_heads))
        return count, count

    def norms(self, config: object) -> Iterator[tuple[str, str]]:
        """Those of the latents."""
        for key in self._norms(self.compressed(config)):
            yield f"attention.{key}", f"{self.attention.path}.{getattr(self.attention, key)}"

    def may_lack(self, component: str) -> bool:
        """Queries have a latent in some models, and none in others."""
        return component.startswith("blocks.attn.q")

    def rotation_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Nothing to say: part of each head rotates, always."""
        raise NotApplicableError(self.without_steps)

    def latent_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether each module reads what the one before it returned."""
        attention, hf = self.attention, subject.hf
        compressed = self.compressed(hf.config)
        chains = [["kv_a", "kv_norm", "kv_b"], ["q_a", "q_norm", "q_b"] if compressed else ["q"]]
        for number, layer in subject.layers.items():
            path = f"{layer}.{attention.path}"
            for keys in chains:
                paths = [f"{path}.{getattr(attention, key)}" for key in keys]
                enters = torch.equal(hf.call(paths[0]).input, hf.call(path).input)
                text = f"HF's {paths[0]} does not read what attention does"
                yield Fact(enters, text, number, f"attention.{keys[0]}")
                links = [_leads(hf, *pair) for pair in pairwise(paths)]
                for i, (before, after) in enumerate(pairwise(paths)):
                    text = f"HF's {after} does not read what {before} returns"
                    # What is read as claimed is not the one that is out of place.
                    key = keys[i if all(links[i + 1 :]) and links[i + 1 :] else i + 1]
                    yield Fact(links[i], text, number, f"attention.{key}")
                found = probe.part_played(hf, path, paths[-1], disturbed, DISTURBED)
                part = "k" if keys[-1] == "kv_b" else "q"
                text = f"HF's {paths[-1]} plays the part of {found or 'none of them'}, not {part}"
                yield Fact(found == part, text, number, f"attention.{keys[-1]}")

    def head_settings(self) -> list[dict[str, Any]]:
        """Other numbers of heads, and values of another size."""
        return [{}, {self.attention.query_heads: 6}, {self.attention.value_head_dim: 24}]

    def widths(self, subject: "Subject", built: Structure) -> Iterator[Fact]:
        """Whether the output projection reads the values of as many heads as a config says."""
        attention = self.attention
        keys = (attention.query_heads, attention.value_head_dim)
        heads, size = (getattr(built.config, key) for key in keys)
        dim = built.shapes[f"{subject.spec.paths.embed}.weight"][-1]
        for number in range(built.layers(subject.spec.paths.blocks)):
            path = f"{subject.spec.paths.blocks}.{number}.{attention.path}.{attention.o}.weight"
            found = built.shapes[path][-1]
            text = f"HF's {attention.o} reads {found} numbers, not {heads} heads of {size}"
            moved = attention.value_head_dim in built.changes
            claim = f"attention.{'value_head_dim' if moved else 'query_heads'}"
            if built.shapes[path][0] != dim:
                claim = "attention.o"
            yield Fact(found == heads * size, f"{text}{built.setting}", number, claim)


def _flat(value: Tensor) -> Tensor:
    """[batch, pos, width], also where HF has the latent of all heads as that of one head."""
    return value.squeeze(1) if value.ndim == 4 else value


def _leads(hf: HfModel, before: str, after: str) -> bool:
    """Whether a module reads what another returns.

    Beside the latent, a projection may return what positions turn. It may have the latent of all
    heads as that of one head, in a dimension more.
    """
    taken, given = hf.call(after).input, hf.call(before).value
    return torch.equal(taken.flatten(), given[..., : taken.shape[-1]].flatten())
