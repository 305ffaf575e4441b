"""`adaptergen schema`."""

import sys
from argparse import Namespace


def run(arguments: Namespace) -> int:
    """Print the JSON Schema of spec files."""
    from adaptergen import schema_file
    from adaptergen.sources import digest_generator

    sys.stdout.write(schema_file.text(digest_generator()))
    return 0
