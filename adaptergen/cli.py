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
from adaptergen.errors import Diagnostic, Failure, Unusable, shown_path
from adaptergen.report import print_failures, print_json, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from typing_extensions import Buffer


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
    except BaseException:
        # Also what libraries in Rust call a panic.
        if not requested():
            raise
    with suppress(OSError):
        # A terminal that has hung up takes nothing any more.
        print("interrupted", file=sys.stderr)
    return exit_status()


class _Output(io.FileIO):
    """Standard output whose reader may go away, as `| head` does: the run still has a status."""

    def write(self, data: "Buffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def _run(arguments: "Namespace") -> int:
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal's encoding lacks is escaped; stderr does so by itself.
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False)),
            sys.stdout.encoding, "backslashreplace",
            line_buffering=sys.stdout.line_buffering, write_through=sys.stdout.write_through,
        )  # fmt: skip
    try:
        _refuse_useless_folder()
        run = cast("Callable[[Namespace], int]", import_module(arguments.verb).run)
        status = run(arguments)
        sys.stdout.flush()
        return status
    except Failure as error:
        print_failures(error.diagnostics, getattr(arguments, "format", "text"))
        return ExitStatus.FAILED
    except (Unusable, OSError) as error:
        try:
            if getattr(arguments, "format", "text") == "json":
                print_json(errors=[Diagnostic("", 0, 0, _said(error))])
            sys.stdout.flush()
        except OSError:
            # It is the output that cannot be written.
            _discard_output()
        print(f"adaptergen: {visible(_said(error))}", file=sys.stderr)
        return ExitStatus.USAGE


def _refuse_useless_folder() -> None:
    """Refuse to work in a folder that paths cannot start from: nothing would be found there.

    Raises:
        Unusable: if it has been removed, or nobody may look into it or into one that it is in.
    """
    try:
        os.stat(os.path.join(os.getcwd(), os.curdir))
    except OSError as error:
        hint = "change to another one"
        raise Unusable(f"the working folder cannot be used: {error.strerror}", hint) from None


def _said(error: Exception) -> str:
    """The message of an error; of one of the system, without its number."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        return f"{shown_path(str(name))}: {error.strerror}" if name else error.strerror
    return str(error)


def _discard_output() -> None:
    """Let go of what is not yet printed: Python would try once more at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
