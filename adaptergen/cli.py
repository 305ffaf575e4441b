"""The command line: arguments in, exit status out. Each verb lives in `adaptergen.commands`."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from importlib import import_module
from typing import TYPE_CHECKING, cast

from adaptergen.arguments import parser
from adaptergen.commands.signals import exit_status, requested
from adaptergen.errors import Diagnostic, Failure, Unusable
from adaptergen.report import print_failures, print_json, visible

if TYPE_CHECKING:
    from argparse import Namespace


class ExitStatus(IntEnum):
    """Exit statuses of a run."""

    OK = 0
    """Done and fresh."""
    FAILED = 1
    """Stale, invalid spec, or failed verification."""
    USAGE = 2
    """Wrong usage, or something is missing from the environment."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; 128 and a signal's number if interrupted."""
    try:
        given = sys.argv[1:] if argv is None else argv
        completing = "_ARGCOMPLETE" in os.environ
        # To describe all options of all verbs takes a while.
        top = parser(None if completing else given)
        if completing:
            from adaptergen.completion import complete

            complete(top)
        arguments = top.parse_args(given)
        if not hasattr(arguments, "verb"):
            top.print_help()
            return ExitStatus.OK
        status = _run(arguments)
        # What fails after a request may fail because of it.
        if not (status and requested()):
            return status
    except KeyboardInterrupt:
        pass
    except Exception:
        if not requested():
            raise
    with suppress(OSError):
        # A terminal that has hung up takes nothing any more.
        print("interrupted", file=sys.stderr)
    return exit_status()


def _run(arguments: "Namespace") -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal's encoding lacks is escaped; stderr does so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        run = cast("Callable[[Namespace], int]", import_module(arguments.verb).run)
        status = run(arguments)
        sys.stdout.flush()
        return status
    except Failure as error:
        print_failures(error.diagnostics, getattr(arguments, "format", "text"))
        return ExitStatus.FAILED
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.OK
    except (Unusable, OSError) as error:
        if getattr(arguments, "format", "text") == "json":
            print_json(errors=[Diagnostic("", 0, 0, str(error))])
        print(f"adaptergen: {visible(str(error))}", file=sys.stderr)
        return ExitStatus.USAGE
