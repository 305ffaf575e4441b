"""Other people's adapters: what can be said of one that no spec describes.

Of the model's parts only the layers are known, and those by running HF's model, not by asking the
adapter.
"""

from adaptergen.verify.foreign.run import check_architecture, verify_foreign
from adaptergen.verify.foreign.subject import ForeignSubject

__all__ = ["ForeignSubject", "check_architecture", "verify_foreign"]
