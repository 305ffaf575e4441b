"""Installed tools that make modules: code, formatter, cache folder. Imports nothing heavy."""

import os
import sys

# Of this package, what has no part in the text of a module: it proves adapters, finds specs, puts
# adapters to use, or reads and prints at the command line. Templates, which a wheel has inside,
# count by themselves.
NO_GENERATOR = frozenset(
    {"__main__.py", "argument_values.py", "arguments.py", "cli.py", "commands", "completion.py"}
    | {"quick.py", "report.py", "infer", "verify"}
    | {"adapters.py", "destination.py", "generated", "runtime.py", "templates"}
)
FORMATTER = "ruff"


def cache_folder() -> str:
    """The folder of the user's caches for this program; it need not be there."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(caches, "adaptergen")


def formatter_version() -> str:
    """The version of the ruff that formats what is rendered.

    Read from the name of the folder beside the package, where installers note it: to import
    `importlib.metadata` takes as long as all else that a build with nothing to do does.

    Raises:
        Unusable: if ruff is not installed.
    """
    for folder in sys.path:
        if os.path.isfile(os.path.join(folder, FORMATTER, "__init__.py")):
            versions = [v for name in os.listdir(folder or os.curdir) if (v := _version(name))]
            if len(versions) == 1:
                return versions[0]
            break
    return _ask_for_it()


def _version(name: str) -> str:
    """The version in `ruff-0.17.6.dist-info`, empty for any other name."""
    start, ending = f"{FORMATTER}-", ".dist-info"
    ours = name.startswith(start) and name.endswith(ending)
    return name[len(start) : -len(ending)] if ours else ""


def _ask_for_it() -> str:
    from importlib.metadata import PackageNotFoundError, version

    from adaptergen.errors import Unusable

    try:
        return version(FORMATTER)
    except PackageNotFoundError:
        raise Unusable("ruff is not installed", f"pip install {FORMATTER}") from None
