"""A finding about a model: a value for a key of the spec, and its reason."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

Confidence = Literal["proven", "assumed"]


@dataclass(frozen=True)
class Finding:
    """A value of the spec, by dotted path, with the evidence for it."""

    path: str
    value: Any
    evidence: str
    confidence: Confidence = "proven"


@dataclass
class Findings:
    """Everything that was found, in order, and what was not explained."""

    found: list[Finding] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def add(self, path: str, value: Any, evidence: str, confidence: Confidence = "proven") -> None:
        """Add a finding; a later one at the same path takes its place."""
        self.found = [finding for finding in self.found if finding.path != path]
        self.found.append(Finding(path, value, evidence, confidence))

    def tree(self) -> dict[str, Any]:
        """The values as YAML has them, nested."""
        tree: dict[str, Any] = {}
        for finding in self.found:
            *parents, key = finding.path.split(".")
            mapping = tree
            for parent in parents:
                mapping = mapping.setdefault(parent, {})
            mapping[key] = deepcopy(finding.value)
        return tree

    def evidence(self) -> dict[str, str]:
        """The evidence by path."""
        return {finding.path: finding.evidence for finding in self.found if finding.evidence}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)
