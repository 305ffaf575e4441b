"""`adaptergen explain`: the reference, whole and by facet."""

from adaptergen.spec.facet import Choice, Facet
from adaptergen.spec.model import Spec
from adaptergen.spec.walk import classes_of


def every_class(root: type[Facet]) -> set[type[Facet]]:
    found = {root}
    for field in root.model_fields.values():
        for cls in classes_of(field.annotation):
            found |= every_class(cls)
    return found


def test_a_facet_is_found_by_the_end_of_its_path(run) -> None:
    out = run("explain", "layers").out
    assert out.startswith("attention.rope.layers: Which layers rotate.\n")
    assert "    {flag: ...}     Layers whose HF attention has this attribute truthy rotate" in out


def test_a_facet_brings_what_is_inside_it(run) -> None:
    paths = [
        line.partition(":")[0]
        for line in run("explain", "rope").out.splitlines()
        if line[:1].strip()
    ]
    keys = ("", ".pairing", ".cosines", ".layers", ".module", ".backward")
    assert paths == [f"attention.rope{key}" for key in keys]


def test_unknown_facet_gets_a_suggestion(run) -> None:
    outcome = run("explain", "rop")
    assert outcome.status == 1
    assert outcome.err == "rop: no such facet\n    did you mean 'rope'?\n"


def test_table_has_every_choice_of_the_language(run) -> None:
    table = run("explain").out
    words = {cls.word for cls in every_class(Spec) if issubclass(cls, Choice)}
    assert words >= {"all", "flag", "none", "per_head", "valid", "invalid"}
    for word in words:
        assert f"| `{word}` |" in table or f"| `{{{word}: " in table


def test_every_class_and_key_of_the_language_is_described() -> None:
    for cls in every_class(Spec):
        assert cls.__doc__
        for name, field in cls.model_fields.items():
            assert field.description or name in ("kind", "topology"), f"{cls.__name__}.{name}"
