"""Builds the adapter of a spec and holds it against HF: observation proposes, this decides."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptergen.infer.tiny_model import TinyModel
from adaptergen.spec.model import Spec
from adaptergen.targets.formatting import format_all
from adaptergen.targets.transformer_lens import support
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.temporary import temporary_folder
from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.hf import HfModel
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject


@dataclass(frozen=True)
class ModuleFolder:
    """Where modules are rendered to, and from which templates."""

    folder: str
    templates: Sequence[str]

    def subject(
        self, tiny: TinyModel, spec: Spec, changes: Mapping[str, Any] | None = None
    ) -> Subject:
        """A spec and its module, about the model, or about the model under another config."""
        path = os.path.join(self.folder, f"{len(os.listdir(self.folder))}.py")
        renderer = Renderer(self.templates)
        text = format_all({path: renderer.adapter(spec)})[path]
        Path(path).write_text(text, encoding="utf-8")
        for name in support.MODULES:
            beside = Path(self.folder, support.file(name))
            if not beside.exists():
                # What the modules import, as these templates have it.
                beside.write_text(renderer.support(name), encoding="utf-8")
        if not changes:
            return Subject(spec, path, hf=tiny.hf)
        other = tiny.under(changes)
        hf: HfModel | None = other.hf if other is not None else None
        return Subject(spec, path, changes, hf, thrifty=True)


@contextmanager
def module_folder(templates: Sequence[str]) -> Iterator[ModuleFolder]:
    """A folder for modules that are only looked at."""
    with temporary_folder() as folder:
        yield ModuleFolder(folder, templates)


def battery(
    subject: Subject, announce: Callable[[Check], None] = lambda check: None
) -> list[CheckResult]:
    """The result of every check."""
    return run_checks(subject, ALL, announce)


def battery_again(
    subject: Subject,
    before: Sequence[CheckResult],
    announce: Callable[[Check], None] = lambda check: None,
) -> list[CheckResult]:
    """The results once a spec says more of what its adapter is known to fail.

    That loosens checks and tightens none: what passed passes still, and is not run again.
    """
    passed = {result.check for result in before if result.status is Status.PASSED}
    again = run_checks(subject, [check for check in ALL if check.name not in passed], announce)
    results = {result.check: result for result in [*before, *again]}
    return [results[check.name] for check in ALL]


def failed(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results that are failures."""
    return [result for result in results if result.status is Status.FAILED]


def apart(subject: Subject) -> float:
    """How far the adapter's logits are from HF's; infinite where it does not get that far."""
    try:
        batch = subject.hf.batch(subject.hf.length)
        return float((subject.logits(batch) - subject.hf.seen.logits).abs().max())
    except Exception:
        # Whatever a wrong adapter raises.
        return float("inf")


def keeps_function(subject: Subject) -> bool:
    """Whether compatibility mode leaves log-probabilities as HF has them."""
    try:
        return subject.compatible_difference() <= PROCESSED
    except Exception:
        return False


def with_changes(spec: Spec, **changes: Any) -> Spec:
    """The spec with other values for some of its keys, as YAML has them."""
    return Spec.model_validate({**spec.model_dump(by_alias=True), **changes})
