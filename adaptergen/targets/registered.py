"""Every target that adaptergen brings along."""

from adaptergen.targets.nnterp import Nnterp
from adaptergen.targets.target import Target
from adaptergen.targets.transformer_lens import TransformerLens

# The first is the one that is meant where none is named.
_ALL: tuple[type[Target], ...] = (TransformerLens, Nnterp)
TARGETS = {target.name: target for target in _ALL}
DEFAULT = _ALL[0].name
