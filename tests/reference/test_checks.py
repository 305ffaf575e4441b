"""What is said of checks without torch is what the checks say of themselves."""

import inspect

from adaptergen.reference.checks import checks
from adaptergen.spec.reference import entries
from adaptergen.verify.checks import ALL


def test_checks_read_from_their_source_are_those_of_the_battery() -> None:
    read = [(check.name, check.proves, check.claim) for check in checks()]
    assert read == [(check.name, check.description, check.claim) for check in ALL]


def test_every_check_says_how_it_proves_what_it_proves() -> None:
    assert [check.name for check in checks() if not check.how] == []
    heads = next(check for check in checks() if check.name == "claims.rope.layers")
    (battery,) = (check for check in ALL if check.name == "claims.rope.layers")
    assert " ".join(heads.how) == " ".join((inspect.getdoc(battery.examine) or "").split())


def test_every_claim_that_a_check_contradicts_is_a_key() -> None:
    keys = {path for e in entries() for path in (e.path, f"{e.path}.{e.tag}")}
    assert {check.claim for check in checks() if check.claim} <= keys
