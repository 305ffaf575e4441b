"""Makes all mutants of an adapter, and finds out which checks notice each."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptergen.errors import Diagnostic, Failure, did_you_mean
from adaptergen.render import Renderer
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec
from adaptergen.spec.tree import Node
from adaptergen.verify.battery import run_checks
from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.hf import HfModel
from adaptergen.verify.mutants import module, spec
from adaptergen.verify.mutants.mutant import Mutant, meaning
from adaptergen.verify.record import MutantResult, Status
from adaptergen.verify.subject import Subject

# Groups whose checks take milliseconds once the bridge is there: a mutant meets all of these.
_CHEAP = ("boot", "config", "forward", "hooks", "weights")


def mutants(original: Spec, code: str, hf: HfModel, templates: Sequence[str]) -> list[Mutant]:
    """Every mutant of a spec and of the module generated from it; no two do the same.

    - `spec.`: a wrong spec and the module generated from it. Its own claims must give it away.
    - `build.`: the same module, judged by the right spec, where it differs in more than prose.
    - `module.`: the module as it is, with one thing in its syntax tree wrong.
    """
    renderer = Renderer(templates)
    right = meaning(renderer.adapter(original))
    made: list[Mutant] = []
    built: list[Mutant] = []
    for change in spec.changes(original, hf):
        wrong = spec.changed(original, change)
        text = renderer.adapter(wrong)
        made.append(Mutant(f"spec.{change.name}", f"spec: {change.description}", wrong, text))
        description = f"built from: {change.description}"
        built.append(Mutant(f"build.{change.name}", description, original, text))
    for name, description, text in module.broken(code):
        built.append(Mutant(f"module.{name}", f"module: {description}", original, text))
    return made + list(_distinct(built, {right, meaning(code)}))


def _distinct(candidates: Sequence[Mutant], seen: set[str]) -> Iterator[Mutant]:
    for mutant in candidates:
        does = meaning(mutant.code)
        if does not in seen:
            seen.add(does)
            yield mutant


def run_mutants(
    loaded: LoadedSpec,
    module_path: str,
    hf: HfModel,
    templates: Sequence[str],
    overrides: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[MutantResult, ...]:
    """Verify every mutant of an adapter that has passed; all share HF's side.

    Raises:
        Failure: if the spec lists a mutant as equivalent that does not exist.
    """
    made = mutants(loaded.spec, Path(module_path).read_text(encoding="utf-8"), hf, templates)
    refuse_unknown(loaded, [mutant.name for mutant in made])
    listed = loaded.spec.verification.equivalent
    results = []
    with tempfile.TemporaryDirectory(prefix="adaptergen-") as folder:
        for number, mutant in enumerate(made, 1):
            progress(f"{loaded.name}: mutant {number} of {len(made)}, {mutant.name}")
            path = os.path.join(folder, f"{number}.py")
            Path(path).write_text(mutant.code, encoding="utf-8")
            subject = Subject(mutant.spec, path, overrides, hf=hf)
            killers = tuple(killed_by(subject, judged_alone=mutant.spec is loaded.spec))
            reason = listed.get(mutant.name, "")
            results.append(MutantResult(mutant.name, mutant.description, killers, reason))
    return tuple(results)


def killed_by(subject: Subject, *, judged_alone: bool = False) -> Iterator[str]:
    """Names of the checks that fail.

    Claims see nothing of the module, so that only a wrong spec meets them. A mutant meets all
    checks of a round; the expensive ones come last, one by one, until one fails.
    """
    for checks in _rounds(judged_alone):
        failed = [r.check for r in run_checks(subject, checks) if r.status is Status.FAILED]
        yield from failed
        if failed:
            return


def _rounds(judged_alone: bool) -> Iterator[list[Check]]:
    if not judged_alone:
        yield [check for check in ALL if check.group == "claims"]
    yield [check for check in ALL if check.group in _CHEAP]
    yield from ([check] for check in ALL if check.group not in ("claims", *_CHEAP))


def refuse_unknown(loaded: LoadedSpec, known: Sequence[str]) -> None:
    """A name that the spec's own file lists must be a mutant's; an inherited one need not be.

    Raises:
        Failure: with every name that is none.
    """
    mistakes = []
    for name, node in _listed(loaded.tree, "verification", "equivalent").items():
        if node.file == loaded.path and name not in known:
            message = f"'verification.equivalent.{name}': no mutant is called so"
            hint = did_you_mean(name, known) or "`verify --mutants --json FILE` lists them"
            mistakes.append(Diagnostic(node.file, node.key_line, node.key_column, message, hint))
    if mistakes:
        raise Failure(mistakes)


def _listed(tree: Node, *keys: str) -> dict[str, Node]:
    """The entries of the mapping that keys lead to."""
    node: Node | None = tree
    for key in keys:
        node = node.value.get(key) if node and isinstance(node.value, dict) else None
    return node.value if node and isinstance(node.value, dict) else {}
