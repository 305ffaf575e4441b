"""What `infer` may come to, as the tests of its command take it."""

from pathlib import Path

from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf
from adaptergen.infer.run import Inference
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.verify.record import CheckResult, Status

SPECS = Path(bundled("specs"))
LLAMA, LOADED = Loader([str(SPECS)]).load_all(
    [str(SPECS / f"{n}.yaml") for n in ("llama", "smollm3")]
)
SMOLLM3 = LOADED.spec
CLASS = "SmolLM3ForCausalLM"
REASON = "Attention computes with lambda_q1, which no facet describes."
PASSED = CheckResult("forward.logits", "forward", Status.PASSED)
FAILED = CheckResult("hooks.shape", "hooks", Status.FAILED, "blocks.0.hook_x: 3 instead of 4")
SKIPPED = CheckResult("boot.refused", "boot", Status.SKIPPED, "nothing is refused")
JSON_KEYS = {
    "architecture", "proven", "explained", "conceded", "unexplained", "spec", "extends", "parents",
    "findings", "checks", "gigabytes", "reasons", "notes",
}  # fmt: skip


def findings(*unexplained: str) -> Findings:
    found = Findings(unexplained=list(unexplained))
    found.add("attention.window", {"flag": "sliding_window"}, "fits every config tried")
    found.add("norm", {"kind": "rms"}, "its answer to scaled input")
    return found


PROVEN = Inference(CLASS, SMOLLM3, findings(), (PASSED, SKIPPED))
CONCEDED = Inference(CLASS, SMOLLM3, findings(), (PASSED,), LeftToHf(projections=REASON))
FAILING = Inference(CLASS, SMOLLM3, findings("config key 'gain': off"), (PASSED, FAILED))
NOTHING_FOUND = Inference(CLASS, None, findings("no embedding reads the tokens"), (), NOTHING)


def files(folder: Path) -> list[str]:
    """All files below a folder, by their paths in it."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def spec_in(text: str, folder: Path) -> Spec:
    """The spec that a text is, whose file is written there."""
    path = folder / "printed.yaml"
    path.write_text(text)
    return Loader([str(SPECS)]).load(str(path)).spec
