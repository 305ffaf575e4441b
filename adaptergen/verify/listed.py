"""Names that a spec lists under `verification` and only the verifier knows: mutants, checks."""

from collections.abc import Collection, Mapping

from adaptergen.errors import Failure, did_you_mean
from adaptergen.language.tree import Node
from adaptergen.spec.mistakes import diagnostic_at


def refuse_unknown(
    section: str, entries: Mapping[str, Node], known: Collection[str], noun: str, see: str
) -> None:
    """An entry about a name that does not exist would never be noticed.

    Raises:
        Failure: with every such name and its place.
    """
    mistakes = [
        diagnostic_at(
            node,
            f"'{section}.{name}': no {noun} is called so",
            did_you_mean(name, known) or f"`adaptergen verify {see}` names them all",
            key=True,
        )
        for name, node in entries.items()
        if name not in known
    ]
    if mistakes:
        raise Failure(mistakes)
