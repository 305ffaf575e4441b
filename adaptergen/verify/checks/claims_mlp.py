"""Does the MLP compute what its kind says?"""

from collections.abc import Iterator

from adaptergen.components.mlp.probe import probe_of
from adaptergen.components.side_mlp.probe import side_facts
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.subject import Subject


@check("claims.mlp", "Activation, gate and experts are where the MLP's kind says.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """A gated MLP is linear in its input projection and not in its gate; others have no gate."""
    yield from probe_of(subject.spec.mlp).claims(subject)
    side = subject.spec.side_mlp
    if side is not None:
        for number, path in subject.below(side.path):
            for holds, text, claim in side_facts(side, subject.hf, path):
                yield Fact(holds, text, number, f"side_mlp.{claim}")
