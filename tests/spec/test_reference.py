"""The reference of the language: each key once, under the kinds that have it."""

from dataclasses import replace

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.language.facet import Choice, Facet
from adaptergen.language.walk import classes_of, key_of, values_of
from adaptergen.spec.model import Spec
from adaptergen.spec.reference import Entry, entries, keys_of

EVERY = entries()


def every_class(root: type[Facet]) -> set[type[Facet]]:
    found = {root}
    for field in root.model_fields.values():
        for cls in (*classes_of(field.annotation), *values_of(field.annotation)):
            found |= every_class(cls)
    return found


def at(path: str, *kinds: str) -> Entry:
    """The entry of a path that stands under some kinds, of those that have the path."""
    (found,) = [e for e in EVERY if e.path == path and all(k in _kinds(e) for k in kinds)]
    return found


def _kinds(entry: Entry) -> set[str]:
    return {kind for under in entry.under for kind in under.kinds}


def test_every_class_and_key_of_the_language_is_described() -> None:
    for cls in every_class(Spec):
        assert cls.__doc__
        for name, field in cls.model_fields.items():
            assert field.description or name in ("kind", "topology"), f"{cls.__name__}.{name}"


def test_every_key_and_word_of_every_class_has_an_entry() -> None:
    names = {entry.name for entry in EVERY}
    words = {value.word for entry in EVERY for value in entry.values}
    for cls in every_class(Spec):
        if issubclass(cls, Choice):
            assert cls.word in words
        else:
            keys = {key_of(name, field) for name, field in cls.model_fields.items()}
            assert keys - {"kind", "topology"} <= names


def test_key_that_kinds_have_alike_is_one_entry() -> None:
    assert len([entry for entry in EVERY if entry.path == "attention.window"]) == 1
    assert at("attention.window").under == ()
    (under,) = at("attention.projections").under
    assert (under.facet, under.tag) == ("attention", "kind")
    assert under.kinds == ("reimplemented", "delegated")


def test_key_that_means_something_else_under_another_kind_has_an_entry_for_each() -> None:
    assert "multiplied with the gate" in at("mlp.in", "gated").meaning
    assert "passes through the activation" in at("mlp.in", "plain").meaning


def test_no_two_entries_say_the_same() -> None:
    said = [(e.path, e.meaning, e.expected, e.values) for e in EVERY]
    assert len(said) == len(set(said))


def said_twice(entry: Entry) -> bool:
    """Whether what is said about the value begins as what is said about the key."""
    return bool(entry.about) and entry.about.startswith(entry.meaning.rstrip("."))


def test_no_entry_says_its_first_sentence_twice() -> None:
    assert [entry.path for entry in entries() if said_twice(entry)] == []
    rope = at("attention.rope")
    assert said_twice(replace(rope, about=f"{rope.meaning[:-1]}: which and where."))


def test_keys_of_a_kind_are_those_of_its_class() -> None:
    keys = [key.name for key in keys_of(at("attention"), EVERY, "reimplemented")]
    fields = ReimplementedAttention.model_fields.items()
    assert set(keys) == {key_of(name, field) for name, field in fields} - {"kind"}
    assert len(keys) == len(set(keys))


def test_value_of_one_kind_has_no_keys_that_the_mapping_of_another_has() -> None:
    assert [key.name for key in keys_of(at("attention.bias", "delegated"), EVERY)] == list("qkvo")
    assert keys_of(at("attention.bias", "latent"), EVERY) == []


def test_keys_behind_the_word_of_a_choice_have_entries() -> None:
    keys = keys_of(at("attention.qk_norm"), EVERY, "full_width")
    assert [key.path for key in keys] == [
        f"attention.qk_norm.*.{key}" for key in ("q", "k", "present", "after_rope")
    ]
    assert keys_of(at("attention.qk_norm"), EVERY, "none") == []
    reason = at("processing.fold_ln.invalid_where.reason")
    assert reason in keys_of(at("processing.fold_ln"), EVERY, "invalid_where")


def test_what_is_written_as_another_key_is_refers_to_it() -> None:
    assert at("layouts.block").like == "block"
    assert keys_of(at("layouts.block"), EVERY) == keys_of(at("block"), EVERY)
    assert not [entry for entry in EVERY if entry.path.startswith("layouts.block.")]


def test_scalars_say_what_they_name() -> None:
    assert at("attention.heads.query").expected == "a key of HF's config"
    assert at("attention.scale").expected == "the name of an attribute of HF's attention"
    assert at("attention.rope.pairing").expected == "`half`, `adjacent` or `interleaved`"
    assert at("mlp.act").expected == "a key of HF's config or null"
    assert at("tied_embeddings").expected.startswith("false, true, or the HF config key")


def test_default_is_what_a_file_would_have() -> None:
    assert (at("norm.weight").required, at("norm.weight").default) == (False, "scale")
    assert at("multipliers.logits").default == "none"
    assert (at("paths.embed").required, at("paths.embed").default) == (True, None)
