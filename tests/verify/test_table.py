"""What the table says of failures: once each, and first what others may follow from."""

from dataclasses import replace

from adaptergen.verify.check import Check, Fact, judge
from adaptergen.verify.table import table
from tests.verify.test_report import CHECK, PASSED, record


def test_table_says_once_what_is_wrong_in_several_layers() -> None:
    facts = [Fact(False, f"HF's model.layers.{n}.q is wide", n, "a") for n in range(4)]
    facts += [Fact(False, "sees 3 of 9 tokens", 2), Fact(False, "sees 3 of 8 tokens", 3)]
    lines = table([record(judge(CHECK, facts))]).splitlines()
    assert lines[5:8] == [
        "  forward.logits: layer 0 (and 1 to 3) HF's model.layers.0.q is wide; contradicts a",
        "  forward.logits: layer 2 sees 3 of 9 tokens; contradicts attention.heads",
        "  forward.logits: layer 3 sees 3 of 8 tokens; contradicts attention.heads",
    ]


def test_check_that_could_not_go_on_comes_after_what_others_found() -> None:
    first = Check("claims.norm", "", "", 1e-9, lambda _: ())
    second = Check("claims.heads", "", "", 1e-9, lambda _: ())
    raised = judge(first, [Fact(False, "raised IndexError: 3")])
    lines = table([record(raised, judge(second, [Fact(False, "is too wide")]))]).splitlines()
    assert [line.split(":")[0].strip() for line in lines[5:7]] == ["claims.heads", "claims.norm"]


def test_limits_that_were_not_judged_are_said() -> None:
    limits = ("act=tanh", "act=gelu")
    lines = table([replace(record(PASSED), unjudged=limits)]).splitlines()
    assert lines[-1] == (
        "  variants: 2 limits not judged, `--variants` does so (act=tanh, act=gelu)"
    )
