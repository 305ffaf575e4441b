"""Thousands of specs with mistakes in them: each is refused in words, or makes a module."""

import ast
import re
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.robustness.mutated import mutated

SPECS = [path.read_bytes() for path in sorted(Path("specs").absolute().glob("*.yaml"))]
# Specs in one test; tests of the rest are exhaustive.
BATCH = 100
BATCHES = 100
# A spec takes milliseconds; this is for machines that are busy.
PATIENCE = 20.0
# What one mistake, or a hundred, may say.
LONGEST = 100_000
_PLACE = re.compile(r"specs/\w+\.yaml(:\d+:\d+)?: \S")
_FOLLOWING = (" ", "stale: ", "run `adaptergen build`", "and ")


def batches() -> list[object]:
    """The numbers of all batches, the first as it is and the others with a mark."""
    marks = [pytest.mark.full, pytest.mark.exhaustive]
    return [0, *(pytest.param(number, marks=marks) for number in range(1, BATCHES))]


@pytest.mark.parametrize("batch", batches())
def test_spec_with_mistakes_is_refused_in_words_or_makes_a_module(
    project: Path, run: Run, batch: int
) -> None:
    spec = project / "specs" / "fuzzed.yaml"
    kinds = set()
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        spec.write_bytes(mutated(seed, SPECS))
        kept = f"seed {seed}: {spec}"
        began = time.monotonic()
        checked = run("build", "--check")
        assert checked.status in (1, 2), kept
        made = run("build", "--stdout", "specs/fuzzed.yaml")
        assert time.monotonic() - began < PATIENCE, kept
        assert len(checked.out + checked.err) < LONGEST, kept
        kinds.add(made.status)
        if made.status == 0:
            assert checked.err == "", kept
            ast.parse(made.out)
        else:
            assert made.out == "", kept
            assert made.err, kept
            for line in (checked.err + made.err).splitlines():
                assert line.startswith(_FOLLOWING) or _PLACE.match(line), (kept, line)
                assert line.isprintable() or line.replace("\t", "").isprintable(), (kept, line)
    assert {0, 1} <= kinds
