"""A variant laid over its parent."""

from pathlib import Path

import pytest

from adaptergen.errors import Failure
from adaptergen.language.files import read_bytes
from adaptergen.project import bundled
from adaptergen.spec.load import LoadedSpec, Loader

LLAMA = (Path(bundled("specs")) / "llama.yaml").read_text()
IDENTITY = "architecture: TinyForCausalLM\nsummary: A tiny decoder.\n"


def load(folder: Path, text: str, name: str = "tiny") -> LoadedSpec:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return Loader([str(folder), bundled("specs")]).load(str(path))


def variant(folder: Path, delta: str, parent: str = "llama") -> LoadedSpec:
    return load(folder, f"{IDENTITY}extends: {parent}\n{delta}")


def test_mappings_merge_key_by_key_and_other_values_are_replaced(tmp_path: Path) -> None:
    spec = variant(tmp_path, "paths: {embed: wte}\ntiny: {hidden_size: 64, extra: [1]}\n").spec
    assert (spec.paths.embed, spec.paths.blocks) == ("wte", "model.layers")
    assert spec.tiny["hidden_size"] == 64
    assert spec.tiny["extra"] == [1]
    assert spec.tiny["vocab_size"] == 113


def test_lists_are_replaced_not_joined(tmp_path: Path) -> None:
    load(tmp_path, LLAMA + "  layers: [1, 2]\n", "base")
    assert variant(tmp_path, "tiny: {layers: [3]}\n", "base").spec.tiny["layers"] == [3]


def test_null_takes_out_what_the_parent_says_of_a_key(tmp_path: Path) -> None:
    base = (
        "tiny: {rope_theta: 5000}\nverification: {config: {first: One reason, second: Another}}\n"
    )
    load(tmp_path, f"{IDENTITY.replace('Tiny', 'Base')}extends: llama\n{base}", "base")
    delta = "tiny: {rope_theta: null}\nverification: {config: {first: null}}\n"
    spec = variant(tmp_path, delta, "base").spec
    assert "rope_theta" not in spec.tiny
    assert spec.tiny["vocab_size"] == 113
    assert "first" not in spec.verification.config
    assert spec.verification.config["second"] == "Another"


def test_choice_replaces_the_parents_choice(tmp_path: Path) -> None:
    flagged = "attention: {rope: {layers: {flag: use_rope}}, window: {config: sliding_window}}\n"
    load(tmp_path, f"{IDENTITY.replace('Tiny', 'Base')}extends: llama\n{flagged}", "base")
    delta = "attention: {rope: {layers: all}, window: {flag: window}}\n"
    attention = variant(tmp_path, delta, "base").spec.attention
    assert (attention.rope.layers.word, attention.window.word) == ("all", "flag")


def test_one_bias_replaces_the_parents_map_and_the_other_way_round(tmp_path: Path) -> None:
    four = "attention: {bias: {q: true, k: true, v: true, o: false}}\n"
    load(tmp_path, f"{IDENTITY.replace('Tiny', 'Base')}extends: llama\n{four}", "base")
    assert variant(tmp_path, "attention: {bias: false}\n", "base").spec.attention.bias.q is False
    assert variant(tmp_path, "attention: {bias: {o: true}}\n", "base").spec.attention.bias.k is True
    with pytest.raises(Failure, match=r"missing key 'attention\.bias\.q'"):
        variant(tmp_path, "attention: {bias: {o: true}}\n")


def test_identity_is_never_inherited(tmp_path: Path) -> None:
    named = (
        "aliases: [OldForCausalLM]\nmodel_type: base_type\nclass_prefix: Bass\ntitle: Base\n"
        "notes: [A note.]\n"
    )
    load(tmp_path, f"{IDENTITY.replace('Tiny', 'Base')}extends: llama\n{named}", "base")
    spec = variant(tmp_path, "", "base").spec
    assert spec.architectures == ["TinyForCausalLM"]
    assert (spec.model_type, spec.class_prefix, spec.title, spec.notes) == (None, None, None, [])
    with pytest.raises(Failure, match="missing key 'architecture'"):
        load(tmp_path, "extends: base\nsummary: X.\n")


def test_values_keep_their_own_file_and_line(tmp_path: Path) -> None:
    loaded = variant(tmp_path, "paths: {embed: wte}\n")
    assert isinstance(loaded.tree.value, dict)
    paths = loaded.tree.value["paths"].value
    assert isinstance(paths, dict)
    assert (Path(paths["embed"].file).name, paths["embed"].line) == ("tiny.yaml", 4)
    assert Path(paths["blocks"].file).name == "llama.yaml"
    assert [Path(path).name for path in loaded.parents] == ["llama.yaml"]


def test_chain_of_parents_is_followed_to_a_limit(tmp_path: Path) -> None:
    for number in range(30):
        parent = f"m{number - 1}" if number else "llama"
        text = f"architecture: M{number}ForCausalLM\nextends: {parent}\nsummary: X.\n"
        (tmp_path / f"m{number}.yaml").write_text(text)
    loader = Loader([str(tmp_path), bundled("specs")])
    loaded = loader.load(str(tmp_path / "m18.yaml"))
    assert len(loaded.parents) == 19
    with pytest.raises(Failure, match="more than 20 parents"):
        loader.load(str(tmp_path / "m29.yaml"))


def test_each_file_is_read_once_for_a_family(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(LLAMA)
    for name in "abc":
        text = IDENTITY.replace("Tiny", name.upper()) + "extends: base\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    read: list[str] = []

    def note(path: str, limit: int) -> bytes:
        read.append(path)
        return read_bytes(path, limit)

    list(Loader([str(tmp_path)], note).load_all(str(tmp_path / f"{name}.yaml") for name in "abc"))
    assert sorted(Path(path).name for path in read) == ["a.yaml", "b.yaml", "base.yaml", "c.yaml"]
