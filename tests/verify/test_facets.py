"""Every value of the language is implemented everywhere, used by a spec, and verified each time."""

from functools import cache
from pathlib import Path

import pytest

from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.components.mlp.probe import MlpProbe
from adaptergen.language.facet import Choice, Facet, tag_of
from adaptergen.language.kinds import Part, module_of
from adaptergen.language.values import Denotes
from adaptergen.language.walk import classes_of
from adaptergen.project import bundled
from adaptergen.spec.block import Block
from adaptergen.spec.leaves import denoted
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.verify.mutants.change import CHANGES, KindMutants, mutants_of
from adaptergen.verify.mutants.spec import INSTEAD
from tests.verify.conftest import ROOT, load
from tests.verify.facets import REPRESENTATIVE, language, values_of

TEMPLATES = Path(bundled("templates"))
NAMES = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))

MLPS = classes_of(Spec.model_fields["mlp"].annotation)
ATTENTIONS = classes_of(Spec.model_fields["attention"].annotation)


# What says that no other kind describes a part: no bundled architecture needs that.
LAST_RESORTS = {"attention: opaque", "mlp: opaque"}
# What only models have that no spec is bundled for.
UNBUNDLED = {
    "mlp.first: in",
    "attention.cached: batch_pos_head",
    "attention.cached: pos_batch_head",
}


@cache
def _values(name: str) -> set[str]:
    return values_of(load(name).spec)


def _all_values() -> set[str]:
    return {value for name in NAMES for value in _values(name)}


def test_bundled_specs_use_every_value_of_the_language() -> None:
    # A layout holds the same blocks as the spec itself.
    wanted, used = (
        {value.removeprefix("layouts.") for value in values}
        for values in (language(), _all_values())
    )
    assert wanted - used == LAST_RESORTS | UNBUNDLED


def test_last_resorts_are_used_by_specs_that_are_always_verified() -> None:
    loader = Loader([str(ROOT / "specs")])
    paths = (ROOT / "tests" / "verify" / "delegated").glob("*.yaml")
    used = [values_of(loader.load(str(path)).spec) for path in paths]
    assert set().union(*used) >= LAST_RESORTS


def test_specs_that_are_always_verified_have_every_value_that_specs_have() -> None:
    covered = {value for name in REPRESENTATIVE for value in _values(name)}
    missing = {v: [n for n in NAMES if v in _values(n)] for v in _all_values() - covered}
    assert missing == {}


def test_values_are_told_apart() -> None:
    values = _values("qwen2_moe")
    assert {"mlp: moe", "mlp.shared.mix", "norm.weight: scale", "block: pre"} <= values
    assert "attention.sinks" not in values
    assert "attention.qk_norm.present" in _values("phi")
    assert "attention.qk_norm.present" not in _values("qwen3")


@pytest.mark.parametrize("kind", MLPS, ids=tag_of)
def test_every_kind_of_mlp_is_verified(kind: type[Part]) -> None:
    probe = module_of(kind, "probe").Probe
    for question in ("stages", "parameters", "facts"):
        assert getattr(probe, question) is not getattr(MlpProbe, question)


@pytest.mark.parametrize("kind", ATTENTIONS, ids=tag_of)
def test_every_kind_of_attention_has_activations(kind: type[Part]) -> None:
    assert module_of(kind, "probe").Probe.stages is not AttentionProbe.stages


@pytest.mark.parametrize("kind", [*MLPS, *ATTENTIONS], ids=tag_of)
def test_every_kind_is_what_another_is_mistaken_for(kind: type[Part]) -> None:
    assert type(mutants_of(kind)).instead is not KindMutants.instead


@pytest.mark.parametrize("kind", classes_of(Block), ids=tag_of)
def test_every_topology_is_mutated_and_is_what_another_is_mistaken_for(kind: type[Facet]) -> None:
    # Names of HF's parts are mutated wherever they stand.
    names_parts = any(denoted(field) is Denotes.PART for field in kind.model_fields.values())
    assert kind in CHANGES or names_parts
    assert kind in INSTEAD


@pytest.mark.parametrize(
    ("key", "kind"),
    [("mlp", kind) for kind in MLPS] + [("attention", kind) for kind in ATTENTIONS],
    ids=lambda value: value if isinstance(value, str) else tag_of(value),
)
def test_every_kind_has_a_template(key: str, kind: type[Facet]) -> None:
    assert (TEMPLATES / key / f"{tag_of(kind)}.py.j2").is_file()


def test_every_policy_but_the_plain_one_has_a_template() -> None:
    rope = classes_of(ATTENTIONS[0].model_fields["rope"].annotation)[0]
    for policy in classes_of(rope.model_fields["layers"].annotation):
        assert issubclass(policy, Choice)
        if not getattr(policy, "every_layer"):  # noqa: B009
            assert (TEMPLATES / "rope_layers" / f"{policy.word}.py.j2").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_spec_is_short_and_points_to_the_schema(name: str) -> None:
    lines = (ROOT / "specs" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=schema.json"
    assert len(lines) <= 60 or load(name).parents == ()
    assert max(map(len, lines)) <= 120
