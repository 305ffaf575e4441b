"""Every check catches something: broken modules and broken specs fail where they should."""

from collections.abc import Callable, Sequence

import pytest

from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.cases import MODULES, SPECS, Case
from tests.verify.conftest import Replacements, changed, hf_model, load, module_of


def _of_group(*groups: str) -> list[Check]:
    return [check for check in ALL if check.group in groups]


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


@pytest.mark.parametrize("case", MODULES, ids=lambda case: case.name)
def test_broken_module(case: Case, broken: Callable[[str, Replacements], str]) -> None:
    module = broken(case.spec, case.replace)
    subject = Subject(load(case.spec).spec, module, hf=hf_model(case.spec))
    # Variants build many models: they run where they are expected to find something.
    groups = {"boot", "config", "forward", "hooks", "weights"}
    groups |= {name.partition(".")[0] for name in case.expected}
    _assert_caught(case, run_checks(subject, _of_group(*groups)))


@pytest.mark.parametrize("case", SPECS, ids=lambda case: case.name)
def test_broken_spec(case: Case) -> None:
    subject = Subject(changed(case.spec, case.change), module_of(case.spec))
    # This one builds dozens of models.
    left_out = {"claims.config"} - case.expected.keys()
    checks = [check for check in _of_group("claims") if check.name not in left_out]
    _assert_caught(case, run_checks(subject, checks))


def test_every_check_catches_something() -> None:
    caught = {name for case in (*MODULES, *SPECS) for name in case.expected}
    assert {check.name for check in ALL} - caught == set()


def test_names_are_unique_and_say_something() -> None:
    assert len({check.name for check in ALL}) == len(ALL)
    assert all(check.description.endswith(".") for check in ALL)
