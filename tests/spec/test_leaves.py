"""The leaves of specs: all of them, where they stand, and what they name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adaptergen.language.values import Denotes
from adaptergen.spec.leaves import Leaf, keys_named, leaves
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.model import Spec

SPECS = Path(__file__).parents[2] / "specs"
NAMES = ("llama", "falcon", "qwen2_moe", "deepseek_v3", "afmoe", "cohere", "hyperclovax")


def load(name: str) -> LoadedSpec:
    return Loader([str(SPECS)]).load(str(SPECS / f"{name}.yaml"))


def found(name: str) -> dict[str, Leaf]:
    return {leaf.claim: leaf for leaf in leaves(load(name).spec)}


def written(tree: Any, path: str = "") -> Iterator[str]:
    """Paths of the scalars of a tree; of a mapping of free keys, the keys are what is claimed."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            below = f"{path}.{key}" if path else key
            free = path in ("tiny", "refused") or path.startswith("verification.")
            yield from [below] if free and value is not None else written(value, below)
    elif isinstance(tree, list) and path:
        for number, value in enumerate(tree):
            yield from written(value, f"{path}.{number}")
    elif tree is not None:
        yield path


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_a_file_is_a_leaf(name: str) -> None:
    leaf_paths = found(name)
    for path in written(load(name).tree.plain()):
        # One word may stand for several biases.
        assert any(f"{leaf}.".startswith(f"{path}.") for leaf in leaf_paths), path


@pytest.mark.parametrize(
    ("name", "claim", "place"),
    [
        ("llama", "paths.final_norm", "model.norm"),
        ("nanochat", "embedding_norm", "model.norm"),
        ("llama", "block.ln2", "post_attention_layernorm"),
        ("llama", "attention.path", "self_attn"),
        ("llama", "attention.projections.q", "self_attn.q_proj"),
        ("cohere", "attention.qk_norm.own_per_head.k", "self_attn.k_norm"),
        ("gpt_oss", "attention.sinks", "self_attn.sinks"),
        ("falcon", "layouts.0.block.ln2", "ln_mlp"),
        ("qwen2_moe", "mlp.dense.in", "mlp.up_proj"),
        ("qwen2_moe", "mlp.shared.path", "mlp.shared_expert"),
        ("qwen2_moe", "mlp.shared.in", "mlp.shared_expert.up_proj"),
        ("qwen2_moe", "mlp.shared.mix", "mlp.shared_expert_gate"),
        ("apertus", "mlp.opaque.0", "mlp.act_fn"),
        ("bitnet", "mlp.norm_before_out", "mlp.ffn_sub_norm"),
    ],
)
def test_a_part_is_named_by_its_place(name: str, claim: str, place: str) -> None:
    leaf = found(name)[claim]
    assert (leaf.place, leaf.denotes) == (place, Denotes.PART)
    assert leaf.in_blocks != claim.startswith(("paths.", "embedding_norm"))


def test_a_name_denotes_a_key_an_attribute_or_nothing() -> None:
    leaf = found("smollm3")
    assert leaf["attention.rope.layers.flag"].denotes is Denotes.ATTRIBUTE
    assert leaf["attention.rope.layers"].value == "flag"
    assert leaf["attention.bias.k"].denotes is Denotes.KEY
    assert leaf["tiny.use_sliding_window"].denotes is Denotes.KEY
    assert leaf["attention.rope.pairing"].denotes is None
    assert found("granite")["multipliers.logits.divide"].value == "logits_scaling"
    assert found("mistral")["attention.bias.q"].denotes is None
    assert found("falcon")["refused.alibi"].value == "alibi"


def test_a_key_decides_or_counts() -> None:
    leaf = found("falcon")
    assert leaf["attention.bias.q"].decides
    assert leaf["layouts.0.when"].decides
    assert leaf["attention.heads.single.when"].decides
    assert not leaf["attention.heads.query"].decides
    assert not leaf["norm.eps"].decides
    assert found("mistral")["attention.bias.q"].decides


@pytest.mark.parametrize("name", NAMES)
def test_what_leaves_something_out_is_a_spec_too(name: str) -> None:
    spec = load(name).spec
    words = {"null": None, "none": "none", "false": False, "[]": []}
    claims = [leaf for leaf in leaves(spec) if not leaf.claim.startswith(("tiny", "verification"))]
    for without in {leaf.without for leaf in claims} - {""}:
        path, _, word = without.partition(": ")
        tree = facet = spec.model_dump(by_alias=True)
        *parents, key = path.split(".")
        for parent in parents:
            facet = facet[int(parent)] if parent.isdigit() else facet[parent]
        assert key in facet
        facet[key] = words[word]
        assert Spec.model_validate(tree).architecture == spec.architecture


def test_keys_are_named_by_the_first_claim_that_does() -> None:
    named = keys_named(load("deepseek_v2").spec)
    assert named["mlp_bias"] == "mlp.shared.bias"
    assert named["num_attention_heads"] == "attention.query_heads"
    assert not named.keys() & {"vocab_size", "norm_topk_prob"}


def test_a_claim_is_located_where_the_file_or_its_parent_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "child.yaml"
    path.write_text(
        "architecture: QwenForCausalLM\nextends: qwen3_moe\nsummary: A child.\n"
        "mlp: {dense: {gate: gates}}\nlayouts: [{when: a_key, block: {topology: shared, ln1: x}}]\n"
    )
    loaded = Loader([str(SPECS)]).load(str(path))
    assert loaded.location("mlp.dense.gate") == f"{path}:4:21"
    assert loaded.location("layouts.0.block.ln1") == f"{path}:5:56"
    assert loaded.location("attention.bias.q").endswith("qwen3.yaml:6:9, inherited")
    assert loaded.location("unembed_bias") == str(path)
