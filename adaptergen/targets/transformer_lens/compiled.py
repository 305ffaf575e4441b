"""Templates as Jinja has compiled them, kept in the user's cache folder from build to build."""

import os
from contextlib import suppress

import jinja2
from jinja2.bccache import Bucket

from adaptergen.installed import cache_folder
from adaptergen.stamp import digest


class Compiled(jinja2.FileSystemBytecodeCache):
    """Jinja's own cache, which knows a template by its text; without a folder, there is none.

    What else the compiled code depends on, Jinja's version and how it is told to read templates,
    is in the name of the folder.
    """

    def __init__(self, environment: jinja2.Environment) -> None:
        told = [
            jinja2.__version__, environment.trim_blocks, environment.lstrip_blocks,
            environment.keep_trailing_newline, environment.autoescape, environment.undefined,
            environment.newline_sequence, environment.optimized, sorted(environment.extensions),
        ]  # fmt: skip
        name = digest(repr(part).encode() for part in told)
        super().__init__(os.path.join(cache_folder(), "templates", name))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read a template's compiled code, if it is there."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a template's compiled code, if there is a place for it."""
        with suppress(OSError):
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            super().dump_bytecode(bucket)
