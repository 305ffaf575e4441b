"""Every check catches something: broken modules and broken specs fail where they should."""

from collections.abc import Callable, Sequence

import pytest

from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.broken_attention import HEADS
from tests.verify.broken_config import CONFIGS
from tests.verify.broken_facets import FACETS
from tests.verify.broken_fused import FUSED
from tests.verify.broken_layers import LAYERS
from tests.verify.broken_mlps import MLPS
from tests.verify.broken_modules import MODULES
from tests.verify.broken_names import NAMES
from tests.verify.broken_needless import NEEDLESS
from tests.verify.broken_setup import SETUP
from tests.verify.broken_specs import CLAIMS
from tests.verify.case import Case
from tests.verify.conftest import NEVER, changed, hf_model, load, stepwise
from tests.verify.exclusive import EXCLUSIVE

Broken = Callable[..., str]

BROKEN = [*MODULES, *SETUP, *FUSED, *CONFIGS, *LAYERS]
SPECS = [*CLAIMS, *FACETS, *MLPS, *HEADS, *NAMES, *NEEDLESS]
ONLY = [case for case in (*SPECS, *BROKEN) if case.only] + EXCLUSIVE


def _expected(case: Case) -> list[Check]:
    return [check for check in ALL if check.name in case.expected]


def _subject(case: Case, broken: Broken) -> Subject:
    right = load(case.spec).spec
    whole = case.fused or not right.fuses
    changes = case.change if whole else {**NEVER, **case.change}
    spec = changed(case.spec, changes) if changes else right
    same_hf = (spec.architecture, spec.tiny) == (right.architecture, right.tiny)
    text = "" if whole else stepwise(case.spec)
    module = broken(case.spec, case.replace, text)
    return Subject(spec, module, hf=hf_model(case.spec) if same_hf else None)


def _assert_caught(case: Case, results: Sequence[CheckResult]) -> None:
    found = {result.check: result for result in results}
    for name, text in case.expected.items():
        result = found[name]
        assert result.status is Status.FAILED, f"{name} {result.status}: {result.message}"
        assert any(text in problem.message for problem in result.problems), result.message
    for result in results:
        assert "\n" not in result.message
        assert (result.status is Status.PASSED) == (result.message == "")
    if case.layer is not None:
        first = next(iter(case.expected))
        assert found[first].layer == case.layer


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_broken_module(case: Case, broken: Broken) -> None:
    _assert_caught(case, run_checks(_subject(case, broken), _expected(case)))


@pytest.mark.parametrize("case", SPECS, ids=lambda case: case.name)
def test_broken_spec(case: Case, broken: Broken) -> None:
    _assert_caught(case, run_checks(_subject(case, broken), _expected(case)))


@pytest.mark.full
@pytest.mark.exhaustive
@pytest.mark.parametrize("case", ONLY, ids=lambda case: case.name)
def test_nothing_else_in_the_battery_catches_it(case: Case, broken: Broken) -> None:
    results = run_checks(_subject(case, broken), ALL)
    _assert_caught(case, results)
    failed = {result.check: result.message for result in results if result.status is Status.FAILED}
    assert failed.keys() == case.expected.keys(), failed


def test_every_check_catches_something() -> None:
    caught = {name for case in (*BROKEN, *SPECS) for name in case.expected}
    assert {check.name for check in ALL} - caught == set()


def test_every_check_is_needed_to_catch_something() -> None:
    needed = {name for case in ONLY for name in case.expected}
    assert {check.name for check in ALL} == needed


def test_checks_fail_together_for_a_reason_and_only_where_one_of_them_never_fails_alone() -> None:
    alone = {name for case in ONLY for name in case.expected if len(case.expected) == 1}
    for case in ONLY:
        together = len(case.expected) > 1
        assert bool(case.because) == together, case.name
        assert bool(case.expected.keys() - alone) == together, case.name


def test_names_are_unique_and_say_something() -> None:
    assert len({check.name for check in ALL}) == len(ALL)
    assert all(check.description.endswith(".") for check in ALL)
    cases = [*BROKEN, *SPECS, *EXCLUSIVE]
    assert len({case.name for case in cases}) == len(cases)
