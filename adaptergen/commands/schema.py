"""`adaptergen schema`."""

import sys
from argparse import Namespace


def run(arguments: Namespace) -> int:
    """Print the JSON Schema of spec files."""
    from adaptergen.spec.schema import schema_text

    sys.stdout.write(schema_text())
    return 0
