"""Makes all mutants of an adapter, and finds out which checks notice each."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from adaptergen.language.tree import Node
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.check import Check
from adaptergen.verify.hf import HfModel
from adaptergen.verify.listed import refuse_unknown
from adaptergen.verify.mutants import module
from adaptergen.verify.mutants.mutant import Mutant, meaning
from adaptergen.verify.mutants.runner import MutantRunner
from adaptergen.verify.mutants.spec import changed, changes
from adaptergen.verify.record import MutantResult
from adaptergen.verify.share import ALONE, Share
from adaptergen.verify.subject import Subject

# What a spec says of the adapter alone: no tiny model could contradict it.
NOT_CLAIMED = ("tokenizer.", "attention.fused.")

# Bridges of so many mutants fit into memory.
_BETWEEN_COLLECTIONS = 10


def mutants(original: Spec, code: str, hf: HfModel, templates: Sequence[str]) -> list[Mutant]:
    """Every mutant of a spec and of the module generated from it; no two do the same.

    - `spec.`: a wrong spec and the module generated from it. Its own claims must give it away,
      where they are claims about HF.
    - `build.`: the same module, judged by the right spec, where it differs in more than prose.
    - `module.`: the module as it is, with one thing in its syntax tree wrong.
    """
    renderer = Renderer(templates)
    right = meaning(renderer.adapter(original))
    made: list[Mutant] = []
    built: list[Mutant] = []
    for change in changes(original, hf):
        wrong = changed(original, change)
        text = renderer.adapter(wrong)
        if not change.name.startswith(NOT_CLAIMED):
            made.append(Mutant(f"spec.{change.name}", f"spec: {change.description}", wrong, text))
        if not change.only_claims:
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
    subject: Subject,
    templates: Sequence[str],
    checks: Sequence[Check],
    progress: Callable[[str], None] = lambda line: None,
    share: Share = ALONE,
) -> tuple[MutantResult, ...]:
    """Judge the mutants of an adapter that has passed; all have HF's side in common with it.

    Raises:
        Failure: if the spec lists a mutant as equivalent that does not exist.
    """
    code = Path(subject.module_path).read_text(encoding="utf-8")
    made = mutants(subject.declared, code, subject.hf, templates)
    own = _listed(loaded)
    names = {mutant.name for mutant in made}
    refuse_unknown("verification.equivalent", own, names, "mutant", "--mutants --json FILE")
    inherited = loaded.spec.verification.equivalent
    beside = os.path.dirname(subject.module_path)
    runner = MutantRunner(subject.declared, beside, subject.hf, subject.overrides, checks)
    results = []
    # Bridges refer to themselves: each would stay until Python looks for garbage. It looks after
    # every few mutants, among what came to be since now.
    gc.collect()
    gc.freeze()
    for number, mutant in share.of(list(enumerate(made, 1))):
        progress(f"mutant {number} of {len(made)}, {mutant.name}")
        killers = tuple(runner.killers(mutant))
        # What a parent says of its mutants is allowed here, and need not hold here.
        listed = mutant.name in own or not killers
        reason = inherited.get(mutant.name, "") if listed else ""
        results.append(MutantResult(mutant.name, mutant.description, killers, reason))
        if len(results) % _BETWEEN_COLLECTIONS == 0:
            gc.collect()
    gc.unfreeze()
    return tuple(results)


def _listed(loaded: LoadedSpec) -> Mapping[str, Node]:
    """The mutants that the spec's own file calls equivalent, by name."""
    entries = loaded.entries("verification", "equivalent")
    return {name: entry for name, entry in entries.items() if entry.file == loaded.path}
