"""Config keys under which HF has parameters that no facet describes: such models are refused."""

import re

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.language.values import UNLESS
from adaptergen.spec.model import Spec
from adaptergen.verify.declared import parameters
from adaptergen.verify.layout import under
from adaptergen.verify.structure import Structure

_SHOWN = 2


def refusals(tiny: TinyModel, spec: Spec, findings: Findings) -> Spec:
    """The spec that refuses models for each boolean key that brings such parameters."""
    if _left_over(spec, tiny.structures[0]):
        # The model itself is not described; the checks say so.
        return spec
    refused = dict(spec.refused)
    for built in tiny.structures[1:]:
        (key,) = built.changes
        names = _left_over(spec, built)
        if names and key != "tie_word_embeddings":
            setting = key if built.changes[key] else f"{UNLESS}{key}"
            refused[setting] = f"No facet describes {', '.join(names[:_SHOWN])}."
            findings.add(f"refused.{setting}", refused[setting], "HF's parameters under it")
    return with_changes(spec, refused=refused) if refused else spec


def _left_over(spec: Spec, built: Structure) -> list[str]:
    """Parameters that HF has and the spec does not lead to, or the other way round."""
    declared = parameters(under(spec, built.config), built)
    apart = declared.keys() ^ built.shapes.keys()
    return list(dict.fromkeys(re.sub(r"\.\d+\.", ".{i}.", name) for name in sorted(apart)))
