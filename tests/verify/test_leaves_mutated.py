"""Every claim of every spec, changed in each way: noticed by a check, or listed with a reason."""

from functools import cache
from pathlib import Path

import pytest

from adaptergen.project import bundled
from adaptergen.spec.leaves import claims
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.checks import ALL
from adaptergen.verify.mutants import Mutant, runner
from adaptergen.verify.mutants.change import Change
from adaptergen.verify.mutants.run import NOT_CLAIMED
from adaptergen.verify.mutants.spec import changed, changes
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.conftest import rarely
from tests.verify.conftest import ROOT, hf_model, load, module_of

NAMES = [path.stem for path in sorted((ROOT / "specs").glob("*.yaml"))]
CLAIMS = [c for c in ALL if c.group == "claims" and c.name not in runner.EXPENSIVE]
# Of these nothing in HF could tell a false one.
PROSE = ("summary", "title")


def made(name: str) -> list[Change]:
    """The changes of claims about HF."""
    found = changes(load(name).spec, hf_model(name))
    return [change for change in found if not change.name.startswith(NOT_CLAIMED)]


@cache
def distinct() -> dict[str, list[Change]]:
    """The changes of each spec that none before it has too."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[Change]] = {}
    for name in NAMES:
        own = {(change.name, repr(change.values)): change for change in made(name)}
        found[name] = [change for key, change in own.items() if key not in seen]
        seen |= own.keys()
    return found


def untouched(spec: Spec, found: list[Change]) -> list[str]:
    """The claims that no change makes otherwise."""
    keys = [key for change in found for key in change.values]
    return [
        leaf.claim
        for leaf in claims(spec)
        if not any(f"{leaf.claim}.".startswith(f"{key}.") for key in keys)
    ]


def claimed_falsely(subject: Subject) -> bool:
    """Whether a check of claims that takes little time fails: most changes need no other."""
    return any(run_checks(subject, [check])[0].status is Status.FAILED for check in CLAIMS)


@pytest.mark.parametrize("name", rarely(("falcon", *NAMES), 1, pytest.mark.full))
def test_every_claim_is_changed(name: str) -> None:
    spec = load(name).spec
    found = untouched(spec, changes(spec, hf_model(name)))
    assert [claim for claim in found if claim not in PROSE] == []


@pytest.mark.full
@pytest.mark.parametrize("name", rarely((*NAMES[1:], NAMES[0]), 1, pytest.mark.exhaustive))
def test_every_change_is_noticed_or_listed(name: str) -> None:
    loaded, hf = load(name), hf_model(name)
    renderer, listed = Renderer([bundled("templates")]), loaded.spec.verification.equivalent
    judge = runner.MutantRunner(loaded.spec, str(Path(module_of(name)).parent), hf, {}, ALL)
    survivors = []
    for change in distinct()[name]:
        wrong = changed(loaded.spec, change)
        if claimed_falsely(Subject(wrong, module_of(name), hf=hf)):
            continue
        # Other checks see what these do not.
        full = f"spec.{change.name}"
        mutant = Mutant(full, change.description, wrong, renderer.adapter(wrong))
        if not any(judge.killers(mutant)) and full not in listed:
            survivors.append(full)
    assert survivors == []
