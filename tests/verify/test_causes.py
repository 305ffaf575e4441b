"""What is wrong, in the order of what explains what."""

from dataclasses import replace

from adaptergen.verify.causes import common, diagnose
from adaptergen.verify.check import Check, Difference, Evidence, Fact, judge
from adaptergen.verify.record import CheckResult, Record

ROTATION = "blocks.3.attn.hook_rot_q"
CAUSE = Difference("attn.hook_rot_q", 5.0, 3, "attention.rope.layers")
EFFECT = Difference("the output", 0.3, follows=ROTATION)
GRADIENT = Difference("the gradient of embed", 0.1, claim="paths.embed")


def failed(check: str, *evidence: Evidence) -> CheckResult:
    return judge(Check(check, "", "", 1e-9, lambda _: ()), evidence)


def record(*results: CheckResult, spec: str = "llama") -> Record:
    return Record(spec, "LlamaForCausalLM", "llama.py", {}, results, 1.5)


def test_first_activation_that_differs_comes_first_and_other_differences_follow() -> None:
    found = diagnose(
        record(
            failed("forward.logits", EFFECT),
            failed("forward.training", Difference("the output in training mode", 0.3)),
            failed("hooks.rotation", CAUSE, replace(CAUSE, what="attn.hook_rot_k")),
            failed("gradient.parameters", GRADIENT),
        )
    )
    assert found.divergence == ROTATION
    (cause,) = found.causes
    assert (cause.check, cause.problem.layer, cause.problem.claim) == (
        "hooks.rotation", 3, "attention.rope.layers",
    )  # fmt: skip
    assert list(found.following) == ["forward.logits", "forward.training", "gradient.parameters"]
    assert len(found.consequences) == 4


def test_claims_come_before_what_is_computed_and_facts_stand_for_themselves() -> None:
    found = diagnose(
        record(
            failed("forward.logits", EFFECT),
            failed("hooks.inventory", Fact(False, "hook_z does not fire")),
            failed("hooks.rotation", CAUSE),
            failed("boot.mapping", Fact(False, "ln1 is missing")),
            failed("claims.heads", Fact(False, "no such key")),
        )
    )
    assert [wrong.check for wrong in found.causes] == [
        "claims.heads", "boot.mapping", "hooks.rotation", "hooks.inventory",
    ]  # fmt: skip
    assert [wrong.check for wrong in found.consequences] == ["forward.logits"]


def test_a_claim_comes_before_its_facet_and_what_is_refused_for_nothing_before_all() -> None:
    found = diagnose(
        record(
            failed("claims.named", Fact(False, "nothing shows it", claim="tied_embeddings")),
            failed("claims.parameters", Fact(False, "not reached", claim="attention")),
            failed("claims.projections", Fact(False, "plays k", claim="attention.projections.q")),
            failed("claims.refused", Fact(False, "is right", claim="refused.alibi")),
        )
    )
    assert [wrong.check for wrong in found.causes] == [
        "claims.refused", "claims.named", "claims.projections", "claims.parameters",
    ]  # fmt: skip


def test_consequence_stands_in_for_a_cause_that_no_check_looked_at() -> None:
    found = diagnose(
        record(failed("gradient.parameters", GRADIENT), failed("forward.logits", EFFECT))
    )
    assert "first at blocks.3.attn.hook_rot_q" in found.causes[0].problem.message
    assert [wrong.check for wrong in found.causes] == ["forward.logits"]
    assert list(found.following) == ["gradient.parameters"]


def test_without_a_first_activation_every_difference_is_its_own_cause() -> None:
    found = diagnose(
        record(failed("gradient.parameters", GRADIENT), failed("cache.prefill", Difference("x", 1)))
    )
    assert [wrong.check for wrong in found.causes] == ["gradient.parameters", "cache.prefill"]
    assert found.consequences == ()


def test_what_architectures_share_is_told_without_the_numbers_they_differ_in() -> None:
    says = ("raised E: 3 heads of 4", "raised E: 12 heads of 16", "raised E: hook_z2 lacks")
    records = [
        record(failed("fused.agrees", Fact(False, said)), spec=str(number))
        for number, said in enumerate(says)
    ]
    (found,) = common([*records, record(spec="right")])
    assert found.specs == ("0", "1", "2")
    assert found.said(4) == ("fused.agrees fails in 3 of 4: in 2 of them raised E: # heads of #")
    assert common(records[:1]) == []
    (apart,) = common(records[1:])
    assert apart.said(4) == "fused.agrees fails in 2 of 4, each in its own way"


def test_most_shared_comes_first_and_consequences_are_not_shared_causes() -> None:
    cache = failed("fused.agrees", Difference("the output with a cache", 4.0))
    other = failed("variants.flags", Fact(False, "raised"))
    records = [record(other, spec="a"), record(other, cache, spec="b"), record(cache, spec="c")]
    records += [record(cache, failed("forward.logits"), spec="d")]
    records += [record(failed("forward.logits", EFFECT), failed("hooks.rotation", CAUSE), spec="e")]
    assert [(one.check, len(one.specs)) for one in common(records)] == [
        ("fused.agrees", 3), ("variants.flags", 2),
    ]  # fmt: skip
