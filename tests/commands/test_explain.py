"""`adaptergen explain`: the reference, whole, by key, by kind, by value."""

import json
from pathlib import Path

import pytest

from adaptergen.commands import explain


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal as wide as lines ever are."""
    monkeypatch.setenv("COLUMNS", "100")


def headings(out: str) -> list[str]:
    return [line for line in out.splitlines() if line and not line.startswith(" ")]


def test_key_that_four_kinds_have_is_printed_once(run) -> None:
    out = run("explain", "window").out
    assert headings(out) == ["attention.window"]
    assert "Earlier tokens that a layer sees." in out
    assert "{flag: ...}     Layers whose HF attention has this attribute set see that many" in out


def test_each_bias_says_whose_it_is(run) -> None:
    out = run("explain", "bias").out
    paths = ("norm", "attention", "attention", "mlp", "mlp.shared", "mlp.dense")
    *keys, last = headings(out)
    assert keys == [f"{path}.bias" for path in paths]
    # Falcon's config has a key of that name.
    assert last == "bias is also what specs give these keys:"
    assert "Only where 'attention' is 'kind: latent'." in out
    assert "Only where 'mlp' is 'kind: gated', 'kind: plain' or 'kind: fused_gated'." in out


def test_kind_is_explained_with_its_keys_an_example_and_who_uses_it(run) -> None:
    out = run("explain", "moe").out
    assert headings(out) == ["mlp, kind: moe"]
    assert "  router   Module that returns the router's logits" in out
    assert "  specs/flex_olmo.yaml:\n    mlp: {kind: moe, path: mlp, router: gate" in out
    assert "  Used by afmoe, aria_text, deepseek_v2" in out


@pytest.mark.parametrize(
    ("word", "facets"),
    [
        ("kind", ["norm", "attention", "attention.projections", "mlp"]),
        ("topology", ["block"]),
    ],
)
def test_key_of_kinds_lists_those_of_each_facet(run, word: str, facets: list[str]) -> None:
    assert headings(run("explain", word).out) == [f"{facet}.{word}" for facet in facets]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["kind: moe"], ["mlp, kind: moe"]),
        (["mlp.moe"], ["mlp, kind: moe"]),
        (["mlp", "moe"], ["mlp, kind: moe"]),
        (["{flag: use_rope}"], ["use_rope is what specs give these keys:"]),
        (["rope.layers"], ["attention.rope.layers"]),
        (["layers", "rope"], ["attention.rope.layers"]),
        (["latent", "bias"], ["attention.bias"]),
        (["delegated", "window"], ["attention.window"]),
        (["attention.window.flag"], ["attention.window: {flag: ...}"]),
        (["OFFSET"], ["norm.weight: offset"]),
    ],
)
def test_words_are_taken_as_specs_write_them_and_narrow(
    run, words: list[str], found: list[str]
) -> None:
    assert headings(run("explain", *words).out) == found


def test_key_brings_the_keys_inside_it(run) -> None:
    out = run("explain", "rope").out
    assert headings(out) == ["attention.rope"]
    for key in ("pairing", "cosines", "layers", "module", "length", "argument", "backward"):
        assert f"\n  {key:<8}  " in out


def test_word_that_is_only_spoken_of_leads_to_what_speaks_of_it(run) -> None:
    out = run("explain", "GQA").out
    assert "No key, kind or value is called GQA. These speak of it:" in out
    assert "  attention.heads  Source of the head counts." in out


def test_name_that_specs_give_leads_to_the_key(run) -> None:
    out = run("explain", "use_rope").out
    assert "use_rope is what specs give these keys:" in out
    assert "  attention.rope.layers.flag  Used by smollm3." in out


def test_unknown_word_gets_the_nearest(run) -> None:
    outcome = run("explain", "windwo")
    assert (outcome.status, outcome.out) == (1, "")
    message = "windwo: no key, kind or value is called so, and none speaks of it\n"
    assert outcome.err == f"{message}    nearly so called: window\n"


def test_name_of_a_spec_leads_to_show(run) -> None:
    outcome = run("explain", "qwen2_moe")
    assert outcome.status == 1
    assert "`adaptergen show qwen2_moe` prints the spec of that name" in outcome.err


def test_without_words_the_top_of_a_spec_is_listed(run) -> None:
    out = run("explain").out
    assert (
        "  mlp              The MLP of a block, or the experts in its place. Kind: 'gated'," in out
    )
    assert "\n  extends          Spec that this one varies" in out
    assert "`" not in out
    assert "|" not in out


def test_lines_fit_the_terminal(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for words in ([], ["attention"], ["processing"], ["bias"]):
        wide = [line for line in run("explain", *words).out.splitlines() if len(line) > 60]
        # Examples are as they are in their files.
        assert [line for line in wide if not line.startswith("    ")] == []


def test_code_is_bold_on_a_terminal_and_quoted_in_a_pipe(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run("explain", "pairing").out
    assert "'half' pairs element i" in plain
    monkeypatch.setattr(explain, "wants_colour", lambda _: True)
    bold = run("explain", "pairing").out
    assert "\033[1mhalf\033[0m pairs element i" in bold
    assert "\033[1mattention.rope.pairing\033[0m" in bold


def test_project_specs_count_and_broken_ones_do_not(run, project: Path) -> None:
    text = "architecture: OwnForCausalLM\nextends: llama\nsummary: Own.\nattention: {sinks: mine}\n"
    (project / "specs" / "own.yaml").write_text(text)
    (project / "specs" / "broken.yaml").write_text("architecture: [")
    outcome = run("explain", "sinks")
    assert outcome.status == 0
    assert "own" in outcome.out
    assert outcome.err == "note: specs/broken.yaml has mistakes and is left out\n"


def test_check_is_explained_by_what_it_proves_and_how(run) -> None:
    out = run("explain", "claims.rope.layers").out
    assert headings(out) == ["claims.rope.layers, a check of 'verify'"]
    assert "The layers that rotate are those that the spec says." in out
    assert "A layer rotates if its output depends on its cosines and sines." in out
    assert "If it fails, 'attention.rope.layers' is not so" in out


def test_check_that_an_adapter_is_known_to_fail_names_its_spec(run) -> None:
    assert "deepseek_v2" in run("explain", "checkpoint.logits").out


def test_group_of_checks_is_listed_beside_a_key_of_its_name(run) -> None:
    out = run("explain", "fused").out
    assert "attention.fused" in headings(out)
    assert headings(out)[-1] == "Checks of 'verify':"
    assert "\n  fused.agrees   Attention is the same whether HF computes it or TL does.\n" in out


def test_misspelt_check_gets_the_nearest(run) -> None:
    assert "claims.heads" in run("explain", "claims.haeds").err


def test_json_has_what_a_program_needs(run) -> None:
    (entry,) = json.loads(run("explain", "moe", "--format", "json").out)
    assert (entry["key"], entry["tag"]) == ("mlp", "kind")
    (value,) = entry["values"]
    assert (value["word"], value["example"]["spec"]) == ("moe", "flex_olmo")
    assert "mixtral" in value["used_by"]
    keys = [entry["key"] for entry in json.loads(run("explain", "--format", "json").out)]
    assert {"architecture", "attention.rope.layers", "verification.float32"} <= set(keys)


def test_markdown_is_the_whole_reference_or_a_part(run) -> None:
    whole = run("explain", "--format", "markdown").out
    assert "\n### `attention.rope.layers`\n" in whole
    assert "](attention.md)" not in whole
    part = run("explain", "moe", "--format", "markdown").out
    assert part.startswith("## `kind: moe`\n")


@pytest.mark.parametrize("style", ["json", "markdown"])
def test_unknown_word_fails_for_programs_too(run, style: str) -> None:
    assert run("explain", "windwo", "--format", style).status == 1


@pytest.mark.parametrize(
    ("word", "heading", "said"),
    [
        ("mutants", "mutants", "  module.*  The module with one thing in its code"),
        ("module.linear.gates.reversed", "module.linear.gates.reversed, a mutant", "The module"),
        ("variant", "variants", "the tiny config with each"),
        ("waiver", "waivers", "  verification.float32     Something that HF computes"),
        ("extends", "extends", "Mappings\n  merge key by key"),
        ("blocks.3.hook_resid_pre", "blocks.3.hook_resid_pre, a hook of TransformerLens", "front"),
        ("resid_mid", "resid_mid, a hook of TransformerLens", "'adaptergen explain hooks.stream'"),
        ("hook_pre", "hook_pre, a hook of TransformerLens", "[batch, pos, d_mlp]"),
    ],
)
def test_words_that_are_no_keys_are_explained(run, word: str, heading: str, said: str) -> None:
    out = run("explain", word).out
    assert headings(out)[0] == heading
    assert said in out


def test_hook_that_there_is_not_is_unknown(run) -> None:
    assert run("explain", "hook_nonsense").status == 1


def test_name_of_a_key_that_specs_give_another_key_leads_there_too(run) -> None:
    assert headings(run("explain", "q_norm").out) == [
        "attention.q_norm",
        "q_norm is also what specs give these keys:",
    ]


def test_words_written_in_several_are_found(run) -> None:
    assert "RMSNorm: divides by" in run("explain", "rms_norm").out


def test_last_part_of_a_check_leads_to_it(run) -> None:
    assert "  claims.tied  The unembedding is" in run("explain", "tied").out


def test_programs_are_told_of_checks_hooks_and_names_too(run) -> None:
    (check,) = json.loads(run("explain", "hooks.pattern", "--format", "json").out)
    assert (check["check"], check["proves"]) == (
        "hooks.pattern",
        "Attention scores and patterns are HF's.",
    )
    (hook,) = json.loads(run("explain", "hook_z", "--format", "json").out)
    assert "[batch, pos, head, d_head]" in hook["meaning"]
    (named,) = json.loads(run("explain", "use_rope", "--format", "json").out)
    assert named == {"word": "use_rope", "given_to": {"attention.rope.layers.flag": ["smollm3"]}}
    (tied,) = json.loads(run("explain", "tied", "--format", "json").out)
    assert tied["check"] == "claims.tied"
