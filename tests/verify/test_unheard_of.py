"""A spec of a class that nobody has: what is missing is said where the spec names it."""

from pathlib import Path

from tests.conftest import Run


def test_class_that_transformers_lacks_is_a_failed_claim_with_its_place(
    built: Path, run: Run
) -> None:
    outcome = run("verify", "tiny", "--quiet", "--only", "claims.architecture")
    assert outcome.status == 1
    assert "has no TinyForCausalLM; code in a folder is run with --trust-remote-code" in outcome.out
    assert "contradicts architecture (specs/tiny.yaml:1:15)" in outcome.out
    assert "STOPPED" not in outcome.out
