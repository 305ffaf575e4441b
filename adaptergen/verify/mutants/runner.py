"""Finds out which checks notice a mutant."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.support import FILES
from adaptergen.temporary import temporary_folder
from adaptergen.verify.check import Check
from adaptergen.verify.hf import HfModel
from adaptergen.verify.mutants.mutant import Mutant
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject

# Groups whose checks take milliseconds once the bridge is there, in rounds.
_ROUNDS = (("claims",), ("boot", "config"), ("forward", "hooks"), ("weights",))
# Checks of these groups that take longer. Compatibility mode takes longer than a bridge itself.
EXPENSIVE = (
    "claims.config",
    "claims.refused",
    "config.conditions",
    "forward.training",
    "weights.compatibility",
    "weights.folding",
)
# Of all that takes longer, these groups come first: they notice most, or take least.
_SHARP = ("claims", "weights", "config", "fused", "settings", "variants")


class _Suspect(Subject):
    """A mutant under verification; the HF models of variants are shared with other mutants."""

    def __init__(
        self,
        mutant: Mutant,
        path: str,
        runner: "MutantRunner",
        changes: dict[str, Any] | None = None,
        *,
        thrifty: bool = False,
    ) -> None:
        self._mutant, self._runner, self._changes = mutant, runner, dict(changes or {})
        overrides = {**runner.overrides, **self._changes}
        super().__init__(mutant.spec, path, overrides, runner.model(self._changes), thrifty)

    def variant(self, **changes: Any) -> Subject:
        changed = {**self._changes, **changes}
        return _Suspect(self._mutant, self.module_path, self._runner, changed, thrifty=True)


@dataclass
class MutantRunner:
    """Judges mutants of one adapter, with HF's side made once for all of them.

    `beside` is the folder of the adapter, with the modules that it may import.
    """

    spec: Spec
    beside: str
    hf: HfModel
    overrides: dict[str, Any]
    checks: Sequence[Check]
    _models: dict[str, HfModel] = field(default_factory=dict)

    def model(self, changes: Mapping[str, Any]) -> HfModel:
        """The HF model with some config keys changed."""
        if not changes:
            return self.hf
        key = repr(sorted(changes.items()))
        if key not in self._models:
            settings = {**self.hf.settings, **changes}
            self._models[key] = HfModel(self.hf.architecture, settings)
        return self._models[key]

    def killers(self, mutant: Mutant) -> Iterator[str]:
        """Names of the checks that fail, all of one round.

        A mutant meets all checks of a round; the first round with a failure is the last one held.
        Claims say nothing of a module, so that only a wrong spec meets them.
        """
        wrong_spec = mutant.spec is not self.spec
        with temporary_folder() as folder:
            path = os.path.join(folder, "mutant.py")
            Path(path).write_text(mutant.code, encoding="utf-8")
            for file in FILES:
                if os.path.exists(os.path.join(self.beside, file)):
                    shutil.copy(os.path.join(self.beside, file), folder)
            suspect = _Suspect(mutant, path, self)
            rounds = list(self._cheap(wrong_spec))
            rounds += [[check] for check in self._expensive(wrong_spec)]
            for checks in rounds:
                results = run_checks(suspect, checks)
                failed = [r.check for r in results if r.status is Status.FAILED]
                yield from failed
                if failed:
                    return

    def _cheap(self, wrong_spec: bool) -> Iterator[list[Check]]:
        """Rounds of checks that take milliseconds each."""
        cheap = [check for check in self.checks if check.name not in EXPENSIVE]
        for groups in _ROUNDS if wrong_spec else _ROUNDS[1:]:
            yield [check for check in cheap if check.group in groups]

    def _expensive(self, wrong_spec: bool) -> list[Check]:
        """All the others, each a round of its own."""
        cheap = {check.name for checks in self._cheap(wrong_spec=True) for check in checks}
        others = [check for check in self.checks if check.name not in cheap]
        left = [check for check in others if wrong_spec or check.group != "claims"]
        return sorted(left, key=lambda check: (*_SHARP, check.group).index(check.group))
