"""Tasks that start processes in every way there is; each notes its number in a folder."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

AGES = 600


def note(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()


def linger(folder: str) -> None:
    note(folder)
    time.sleep(AGES)


def session_of_its_own(folder: str) -> None:
    program = f"import time; from tests.verify.descendants import linger; linger({folder!r})"
    subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


def double_fork(folder: str) -> None:
    """As daemons come to be: no session, parent, terminal or file in common with anybody."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(3, 256)
            linger(folder)
        os._exit(0)


def forkserver(folder: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.Process(target=linger, args=(folder,)).start()


def forks(folder: str) -> None:
    multiprocessing.get_context("fork").Process(target=linger, args=(folder,)).start()


def restless(folder: str) -> None:
    """Forks and ends, again and again: no process of it lives longer than a moment."""
    if os.fork() == 0:
        os.setsid()
        until = time.monotonic() + AGES
        while time.monotonic() < until:
            time.sleep(0.02)
            if os.fork():
                os._exit(0)
            note(folder)


def heedless(folder: str) -> None:
    """Ignores whatever can be ignored, and starts another when it is told to go on."""
    import signal

    def again(*_: object) -> None:
        if os.fork() == 0:
            linger(folder)

    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCONT, again)
        note(folder)
        while True:
            time.sleep(1)


WAYS = (session_of_its_own, double_fork, forkserver, forks, restless, heedless)


def start(way: Callable[[str], None], folder: str, progress: Callable[[str], None]) -> None:
    """Start some in one way, until one of them is there."""
    way(folder)
    while not os.listdir(folder):
        time.sleep(0.01)
    progress("started")


def return_afterwards(
    way: Callable[[str], None], folder: str, *, progress: Callable[[str], None]
) -> str:
    start(way, folder, progress)
    return "done"


def crash_afterwards(
    way: Callable[[str], None], folder: str, *, progress: Callable[[str], None]
) -> str:
    start(way, folder, progress)
    os._exit(3)


def hang_afterwards(
    way: Callable[[str], None], folder: str, *, progress: Callable[[str], None]
) -> str:
    start(way, folder, progress)
    while True:
        time.sleep(1)


def kill_supervisor_afterwards(
    way: Callable[[str], None], folder: str, *, progress: Callable[[str], None]
) -> str:
    start(way, folder, progress)
    os.kill(os.getppid(), 9)
    return "unsupervised"


def come_back_twice(folder: str, *, progress: Callable[[str], None]) -> str:
    """As a module does that forks and forgets that the copy goes on as well."""
    if os.fork() == 0:
        note(folder)
        progress("twice")
        return "the copy"
    time.sleep(0.5)
    return "the original"


def take_memory(
    processes: int, gigabytes: float, folder: str, *, progress: Callable[[str], None]
) -> str:
    """Each takes so much."""
    for _ in range(processes):
        if os.fork() == 0:
            taken = bytearray(int(gigabytes * 2**30))
            taken[:: 2**12] = b"x" * len(taken[:: 2**12])
            linger(folder)
    while len(os.listdir(folder)) < processes:
        time.sleep(0.01)
    time.sleep(5)
    return "done"
