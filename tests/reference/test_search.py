"""What messages tell to look up is found, and so is every word of the language."""

import pytest

from adaptergen.reference.search import find, find_checks, mentions, nearest, split
from adaptergen.spec.reference import Entry, entries

EVERY = entries()


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.path)
def test_every_key_is_found_by_its_path(entry: Entry) -> None:
    assert entry.path in {found.entry.path for found in find([entry.path], EVERY)}


@pytest.mark.parametrize("entry", [e for e in EVERY if e.values], ids=lambda entry: entry.path)
def test_every_word_is_found_behind_its_key_and_alone(entry: Entry) -> None:
    for value in entry.values:
        for words in ([value.word], split([f"{entry.path}: {value.word}"])):
            assert (entry.path, True) in {
                (found.entry.path, value.word in found.words) for found in find(words, EVERY)
            }
    if entry.tag:
        assert find([f"{entry.path}.{entry.tag}"], EVERY)


def test_words_are_split_as_specs_and_people_write_them() -> None:
    assert split(["{flag: use_rope}"]) == ["flag", "use_rope"]
    assert split(["kind: moe", "mlp.gate"]) == ["kind", "moe", "mlp.gate"]
    assert split(["  ", ".", "{}"]) == []


def test_mentions_are_whole_words() -> None:
    found = {match.entry.path for match in mentions(["mqa"], EVERY)}
    assert found == {"attention.heads", "attention.heads.single"}
    assert mentions(["mq"], EVERY) == []


def test_nothing_is_nearly_like_nonsense() -> None:
    assert nearest("xyzzyqqq", EVERY) == []
    assert nearest("attnetion", EVERY)[0] == "attention"


def test_checks_are_found_by_name_and_group() -> None:
    assert [check.name for check in find_checks(["forward.logits"])] == ["forward.logits"]
    assert len(find_checks(["cache"])) == 3
    assert find_checks(["forward.logit"]) == []
