"""Runner of a task in a process of its own: it must not hurt the others."""

import gc
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar

from adaptergen.errors import Failure, Unusable
from adaptergen.temporary import refuse_full

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
    """The step that the process is about to take."""

    what: str


@dataclass(frozen=True)
class Done:
    """How the task ended: what it made, the user's mistake, or the reason why it stopped."""

    result: Any = None
    mistake: Failure | Unusable | None = None
    stopped: str = ""


Message: TypeAlias = Ready | Doing | Done


def work(task: Task[Any], gigabytes: float, folder: str, pipe: Connection) -> NoReturn:
    """Run a task, send what becomes of it through the pipe, and end.

    Temporary files go into `folder`, also those of processes that the task starts.
    """
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    process = os.getpid()

    def say(message: Message) -> None:
        if os.getpid() != process:
            # What the task runs has forked, and the copy has come back here.
            os._exit(1)
        pipe.send(message)

    try:
        say(_outcome(task, gigabytes, say))
    finally:
        os._exit(1)


def _outcome(task: Task[Any], gigabytes: float, say: Callable[[Message], None]) -> Done:
    try:
        import_module(PRELOADED)
        # By default progress bars share a semaphore between processes; killed ones would leak it.
        import_module("tqdm").tqdm.set_lock(threading.RLock())
        gc.set_threshold(100_000)
        _limit_memory(gigabytes)
        say(Ready())
        made = task(progress=lambda line: say(Doing(line)))
        return Done(made)
    except (Failure, Unusable) as mistake:
        return Done(mistake=mistake)
    except BaseException as error:
        return _stopped(error)


def _stopped(error: BaseException) -> Done:
    from adaptergen.verify.once import one_line

    try:
        refuse_full(error)
    except Unusable as mistake:
        return Done(mistake=mistake)
    return Done(stopped=f"raised {one_line(error)}")


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
