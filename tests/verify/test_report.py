"""Records as a table and as JSON."""

import json
import math
from dataclasses import replace
from io import StringIO

import pytest

from adaptergen.commands.progress import progress
from adaptergen.verify import verify
from adaptergen.verify.check import Check, Difference, Fact, judge, skipped
from adaptergen.verify.document import to_json
from adaptergen.verify.jobs import Job
from adaptergen.verify.record import (
    CheckResult,
    MutantResult,
    Problem,
    Record,
    Status,
    VariantResult,
    versions,
)
from adaptergen.verify.table import table
from tests.verify.samples import GREEN, RED, STOPPED

CHECK = Check("forward.logits", "Logits equal HF's.", "attention.heads", 1e-9, lambda _: ())
PASSED = CheckResult("claims.tied", "claims", Status.PASSED)
MEASURED = CheckResult("forward.logits", "forward", Status.PASSED, worst=2e-16, tolerance=1e-9)


def record(*results: CheckResult) -> Record:
    return Record("llama", "LlamaForCausalLM", "llama.py", {}, results, 1.5)


def test_difference_above_tolerance_names_layer_size_and_claim() -> None:
    result = judge(CHECK, [Difference("resid_post", 1.3, 3, "attention.rope.layers")])
    assert result.status is Status.FAILED
    assert result.message == (
        "layer 3 resid_post differs from HF by 1.3e+00 (tolerance 1e-09);"
        " contradicts attention.rope.layers"
    )
    assert (result.layer, result.claim, result.worst) == (3, "attention.rope.layers", 1.3)
    assert result.problems == (
        Problem(result.message, 3, "attention.rope.layers", 1.3, what="resid_post"),
    )


def test_difference_that_is_no_number_is_a_failure() -> None:
    result = judge(CHECK, [Difference("the output", math.inf)])
    assert result.message.startswith("the output differs from HF in shape or is not a number")


def test_worst_difference_is_kept_of_a_check_that_passed() -> None:
    result = judge(CHECK, [Difference("a", 1e-12), Difference("b", 3e-12)])
    assert (result.status, result.worst) == (Status.PASSED, 3e-12)


def test_largest_difference_is_kept_by_layer() -> None:
    seen = [(1, 2.0), (None, 5.0), (0, 0.0), (1, 3.0), (None, 4.0)]
    result = judge(CHECK, [Difference("a", value, layer) for layer, value in seen])
    assert result.by_layer == ((0, 0.0), (1, 3.0), (None, 5.0))
    assert judge(CHECK, [Fact(True, "no difference")]).by_layer == ()


def test_own_tolerance_of_a_difference_counts() -> None:
    assert judge(CHECK, [Difference("a", 1e-6, tolerance=1e-5)]).status is Status.PASSED


def test_check_without_evidence_has_failed() -> None:
    result = judge(CHECK, [])
    assert result.message == "found nothing to examine; contradicts attention.heads"


def test_table_of_records_that_passed() -> None:
    lines = table([record(PASSED, MEASURED)]).splitlines()
    assert lines == [
        "architecture  group    checks  worst difference  verdict",
        "------------  -------  ------  ----------------  -------",
        "llama         claims   1                         ok",
        "              forward  1       2.0e-16           ok",
        "",
        "llama (LlamaForCausalLM): verified, 2 checks",
    ]


def test_table_lists_failures_and_gathers_consequences() -> None:
    facts = [Fact(False, f"parameter {n} is reached by no path", claim="paths") for n in range(5)]
    cause = Difference("attn.hook_rot_q", 5.0, 3, "attention.rope.layers")
    effect = Difference("the output", 0.3, follows="blocks.3.attn.hook_rot_q")
    hooks = Check("hooks.rotation", "", "", 1e-9, lambda _: ())
    claims = Check("claims.parameters", "", "", 1e-9, lambda _: ())
    results = (judge(claims, facts), judge(CHECK, [effect]), judge(hooks, [cause, effect]))
    lines = table([record(*results)]).splitlines()
    assert lines[5:] == [
        "",
        "llama (LlamaForCausalLM): 3 of 3 checks failed, llama.py",
        "  claims.parameters: parameter 0 is reached by no path; contradicts paths",
        "  claims.parameters: parameter 1 is reached by no path; contradicts paths",
        "  claims.parameters: parameter 2 is reached by no path; contradicts paths",
        "  claims.parameters: and 2 more",
        "  hooks.rotation: layer 3 attn.hook_rot_q differs from HF by 5.0e+00 (tolerance 1e-09);"
        " contradicts attention.rope.layers",
        "  following from blocks.3.attn.hook_rot_q: forward.logits",
        "  `adaptergen explain claims.parameters` says what that check proves, and how",
    ]


def test_table_counts_what_was_skipped() -> None:
    lines = table([record(PASSED, skipped(CHECK, "no window"))]).splitlines()
    assert lines[3] == "              forward  0, 1 skipped                    skipped"


KNOWN = CheckResult("claims.heads", "claims", Status.KNOWN, "limit: Why. (is off)")
ERRORS = CheckResult(
    "precision.float16", "precision", Status.PASSED, worst=1.25, tolerance=2.0, relative=True
)


def test_known_failures_are_part_of_the_verdict() -> None:
    lines = table([record(PASSED, KNOWN)]).splitlines()
    assert lines[2] == "llama         claims  1, 1 known                    ok"
    assert lines[-2:] == [
        "llama (LlamaForCausalLM): verified, 1 check, 1 known failure (claims.heads)",
        "  claims.heads: limit: Why. (is off)",
    ]
    assert "known failure" in table([record(KNOWN)]).splitlines()[2]
    assert not record(KNOWN).passed


def test_known_limits_of_variants_are_counted_apart_from_what_hf_refuses() -> None:
    variants = (
        VariantResult("act=gelu", Status.PASSED, 1e-9),
        VariantResult("act=tanh", Status.KNOWN, 3.0, "limit: Why."),
        VariantResult("act=none", Status.SKIPPED, None, "HF refuses it"),
    )
    lines = table([replace(record(PASSED), variants=variants)]).splitlines()
    assert lines[-1] == (
        "  variants: 1 of 1 agree with HF, worst 1.0e-09; 1 known failure (act=tanh); 1 skipped"
    )


def test_differences_in_units_of_rounding_are_told_apart() -> None:
    both = record(MEASURED, ERRORS)
    lines = table([both]).splitlines()
    assert lines[2].split() == ["llama", "forward", "1", "2.0e-16", "ok"]
    assert lines[3].split() == ["precision", "1", "1.2", "x", "HF's", "error", "ok"]
    assert both.worst == 2e-16
    assert record(ERRORS).worst is None


def test_table_of_many_begins_with_what_they_share_and_ends_with_what_is_wrong() -> None:
    agrees = Check("fused.agrees", "", "", 1e-9, lambda _: ())
    wrong = [
        replace(record(judge(agrees, [Difference("the output with a cache", size)])), spec=name)
        for name, size in (("a", 4.0), ("b", 5.5))
    ]
    lines = table([*wrong, replace(record(PASSED), spec="c")]).splitlines()
    assert lines[0] == "fused.agrees fails in 2 of 3: the output with a cache differs from HF"
    assert lines[-1] == "1 of 3 verified; not a, b"
    verdicts = [line.split()[0] for line in lines if "LlamaForCausalLM" in line]
    assert verdicts == ["c", "a", "b"]


def test_table_sums_up_variants_and_mutants() -> None:
    lines = table([GREEN]).splitlines()
    assert lines[-3:] == [
        "smollm3 (SmolLM3ForCausalLM): verified, 3 checks, 1 skipped",
        "  variants: 1 of 1 agree with HF, worst 1.0e-06; 1 skipped",
        "  mutants: 1 of 2 killed; 1 equivalent, as the spec says",
    ]


def test_table_names_variants_that_fail_and_mutants_that_survive() -> None:
    lines = table([RED]).splitlines()
    at = lines.index("  variants: 1 of 2 agree with HF, worst inf; 1 skipped")
    assert lines[at + 1].startswith("  num_key_value_heads=1: </style>")
    assert lines[at + 2] == "  mutants: 1 of 3 killed; 1 equivalent, as the spec says"
    assert lines[at + 3].startswith(
        "  mapping.drop: SURVIVED: no check noticed, a hole in the battery (</style>"
    )


def test_table_of_checks_that_passed_and_mutants_that_did_not() -> None:
    killed = MutantResult("flags.gated_mlp", "flag left out", ("forward.logits",), "unread")
    lines = table([replace(record(PASSED), mutants=(killed,))], colour=True).splitlines()
    assert "llama (LlamaForCausalLM): not verified, 1 check passed, llama.py" in lines[-3]
    assert "\033[31m" in lines[-3]
    assert lines[-1] == (
        "  flags.gated_mlp: killed by forward.logits, though listed as equivalent (flag left out)"
    )


def test_table_says_why_there_are_no_mutants() -> None:
    failed = replace(
        record(judge(CHECK, [Fact(False, "wrong")])), unmutated="the adapter itself fails"
    )
    assert table([failed]).splitlines()[-1] == "  mutants: none made, the adapter itself fails"


def test_table_says_why_a_verification_stopped() -> None:
    lines = table([STOPPED], colour=True).splitlines()
    assert lines[2].startswith("\033[31mqwen3")
    assert "STOPPED" in lines[2]
    assert "qwen3 (Qwen3ForCausalLM): not verified, stopped after 300 s" in lines[-1]
    assert "; `--timeout SECONDS` allows more, 0 any time" in lines[-1]


def test_what_a_module_says_cannot_steer_the_terminal() -> None:
    steering = replace(STOPPED, stopped="\033[2J")
    failed = judge(CHECK, [Fact(False, "\033[2J")])
    text = table([steering, record(failed)])
    assert "\033" not in text
    assert "\\x1b[2J" in text


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_in_a_log_is_a_line_per_architecture() -> None:
    log = StringIO()
    watcher = progress(log, 2, quiet=False)
    for job in (Job(verify, GREEN), Job(verify, RED)):
        watcher.started(job)
        watcher.doing(job, "claims.paths")
        watcher.ended(job, job.blank)
    watcher.close()
    assert log.getvalue() == "verifying smollm3\nverifying llama\n"


def test_progress_on_a_terminal_is_one_line_that_goes_away(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    watcher = progress(terminal, 3, quiet=False)
    first, second = Job(verify, RED), Job(verify, GREEN)
    watcher.started(first)
    watcher.started(second)
    watcher.ended(first, RED)
    watcher.doing(second, "hooks.pattern")
    watcher.close()
    *_, last, gone = terminal.getvalue().split("\r\033[K")
    assert last == "0 s  1 of 3 done  1 failed  smollm3: hooks.pattern"
    assert gone == ""
    assert "\n" not in terminal.getvalue()
    watcher.doing(second, "x" * 99)
    assert max(map(len, terminal.getvalue().split("\r\033[K"))) < 60


def test_progress_can_be_left_out() -> None:
    terminal = Terminal()
    watcher = progress(terminal, 1, quiet=True)
    watcher.started(Job(verify, GREEN))
    watcher.close()
    assert terminal.getvalue() == ""


def test_table_in_colour_only_if_asked() -> None:
    assert "\033[" not in table([record(MEASURED)])
    assert "\033[32m" in table([record(MEASURED)], colour=True)
    failed = judge(CHECK, [Difference("the output", 1.0)])
    assert "\033[31m" in table([record(failed)], colour=True)


def test_json_has_every_field_and_is_strict() -> None:
    failed = judge(CHECK, [Difference("the output", math.inf, 2)])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(to_json([record(PASSED, failed)]), parse_constant=refuse)
    (found,) = document["records"]
    assert found["architecture"] == "LlamaForCausalLM"
    assert set(found["versions"]) >= {"torch", "transformers", "transformer_lens", "adaptergen"}
    result = found["results"][1]
    assert (result["check"], result["group"], result["status"], result["layer"]) == (
        "forward.logits", "forward", "failed", 2,
    )  # fmt: skip
    assert (result["worst"], result["tolerance"], result["claim"]) == (
        "inf", 1e-9, "attention.heads",
    )  # fmt: skip
    assert result["message"] == result["problems"][0]["message"]


@pytest.mark.parametrize(
    ("results", "passed"),
    [((), False), ((PASSED,), True), ((skipped(CHECK, "why"),), False), ((PASSED, MEASURED), True)],
)
def test_a_record_passes_if_something_ran_and_nothing_failed(
    results: tuple[CheckResult, ...], passed: bool
) -> None:
    assert record(*results).passed is passed


def test_versions_are_those_installed() -> None:
    from importlib.metadata import version

    assert versions()["transformer_lens"] == version("transformer_lens")
