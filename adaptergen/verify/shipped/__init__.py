"""Adapters that TransformerLens ships, or others bring: what can be said without a spec.

Of the model's parts only the layers are known, and those by running HF's model, not by asking the
adapter.
"""

from adaptergen.verify.shipped.run import check_architecture, verify_shipped
from adaptergen.verify.shipped.subject import ShippedSubject

__all__ = ["ShippedSubject", "check_architecture", "verify_shipped"]
