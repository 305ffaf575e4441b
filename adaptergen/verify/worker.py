"""What runs in a process of its own: it must not hurt the others, nor outlive them."""

import gc
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from typing import Any, Protocol, TypeAlias, TypeVar

from adaptergen.errors import Failure, Unusable

Made = TypeVar("Made", covariant=True)


class Task(Protocol[Made]):
    """Makes something, and says on the way what it is about to do."""

    def __call__(self, *, progress: Callable[[str], None]) -> Made:
        """Make it."""


# Imported before the first verification starts; takes seconds.
PRELOADED = "adaptergen.verify.preload"


@dataclass(frozen=True)
class Ready:
    """The process has imported what it needs and begins."""


@dataclass(frozen=True)
class Doing:
    """What the process is about to do."""

    what: str


@dataclass(frozen=True)
class Done:
    """How the task ended: what it made, the user's mistake, or the reason why it stopped."""

    result: Any = None
    mistake: Failure | Unusable | None = None
    stopped: str = ""


Message: TypeAlias = Ready | Doing | Done


def work(task: Task[Any], gigabytes: float, folder: str, pipe: Connection) -> None:
    """Run a task and send what becomes of it through the pipe.

    Temporary files go into `folder`, which the parent removes: a process that is killed cannot.
    """
    tempfile.tempdir = folder
    _detach()
    pipe.send(_outcome(task, gigabytes, pipe))


def _outcome(task: Task[Any], gigabytes: float, pipe: Connection) -> Done:
    try:
        import_module(PRELOADED)
        # By default progress bars share a semaphore between processes; killed ones would leak it.
        import_module("tqdm").tqdm.set_lock(threading.RLock())
        gc.set_threshold(100_000)
        _limit_memory(gigabytes)
        pipe.send(Ready())
        return Done(task(progress=lambda line: pipe.send(Doing(line))))
    except (Failure, Unusable) as mistake:
        return Done(mistake=mistake)
    except BaseException as error:
        from adaptergen.verify.once import one_line

        return Done(stopped=f"raised {one_line(error)}")


def _detach() -> None:
    """Leave the terminal to the parent, which decides what Ctrl-C means, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "setsid"):
        os.setsid()
    # Whatever a module under test prints, also from C, belongs neither to the table nor beside it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        end_group(os.getpid())
        os._exit(1)


def end_group(pid: int) -> None:
    """Kill a worker and what it has started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def _limit_memory(gigabytes: float) -> None:
    """Allow that much memory on top of what the libraries take; without effect on some systems."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except (ImportError, OSError):
        return
    if gigabytes:
        limit = pages * resource.getpagesize() + int(gigabytes * 2**30)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
