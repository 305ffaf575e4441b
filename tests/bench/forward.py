"""Measures models at work with hooks, beside TL's adapter and HF alone: `make bench-forward`.

All run in turns, in one process. Prints what it does and writes docs/performance.yaml, of which
docs/scripts/performance.py makes the tables and plots of docs/performance.md. The same on CPU and
CUDA.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

# Else torch's profiler, which counts memory, reports when it starts and stops.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")

import torch
import yaml
from contestants import SIZES, contestants
from peak import memory

RECORD = Path(__file__).parents[2] / "docs" / "performance.yaml"
# What is measured in turns, so that ratios are of runs side by side. HF only computes logits.
GROUPS = (("forward", "residual", "full", "pattern"), ("training",), ("decoding",))
LEAST, MOST = 2, 30
# By device: the size of the model, and how many tokens a batch may have.
DEFAULTS = {"cpu": ("small", 8192), "cuda": ("3b", 65536)}
GIB = 2**30


class Entry(NamedTuple):
    """Somebody doing something."""

    contestant: str
    work: str
    run: Callable[[torch.Tensor], Any]


def entries(among: dict[str, Any], works: Sequence[str]) -> list[Entry]:
    """Everybody who does one of these works."""
    return [
        Entry(who, work, can[work]) for who, can in among.items() for work in works if work in can
    ]


def measure(among: Sequence[Entry], ids: torch.Tensor, budget: float) -> Iterator[dict[str, Any]]:
    """Bytes and seconds of each entry, whose runs take turns; `budget` is in seconds."""
    device = ids.device.type
    fit: list[tuple[Entry, dict[str, Any]]] = []
    shape = {"batch": ids.shape[0], "length": ids.shape[1]}
    for entry in among:
        # This also warms up.
        took = memory(lambda run=entry.run: run(ids), device)
        row = {"work": entry.work, "contestant": entry.contestant, **shape, "seconds": []}
        if took:
            row |= {"peak": took.peak, "held": took.held}
            fit.append((entry, row))
        else:
            yield row
    began = time.perf_counter()
    for number in range(MOST if fit else 0):
        if number >= LEAST and time.perf_counter() - began > budget:
            break
        # Who goes first changes: the first finds colder caches.
        start = number % len(fit)
        for entry, row in fit[start:] + fit[:start]:
            row["seconds"].append(seconds(entry.run, ids))
    yield from (row for _, row in fit)


def seconds(run: Callable[[torch.Tensor], Any], ids: torch.Tensor) -> float:
    """Seconds until the result is there."""
    synchronize(ids.device)
    start = time.perf_counter()
    result = run(ids)
    synchronize(ids.device)
    took = time.perf_counter() - start
    del result
    return float(f"{took:.4g}")


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def limit_memory(gigabytes: float) -> None:
    """Let allocations fail beyond that, so that the system does not end the process."""
    import resource

    limit = int(gigabytes * GIB)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def machine(device: str) -> str:
    """The processor that does the work."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device",
        choices=list(DEFAULTS),
        default="cuda" if torch.cuda.is_available() else "cpu",
    )
    parser.add_argument("--size", choices=list(SIZES), help="by default, what suits the device")
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[128, 256, 512, 1024, 2048, 4096, 8192]
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument(
        "--tokens", type=int, help="leave out batches of more, by default what suits the device"
    )
    parser.add_argument(
        "--prompts", type=int, nargs="+", default=[128], help="lengths to decode from"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[works[0] for works in GROUPS],
        default=[works[0] for works in GROUPS],
        help="measure these, and what takes turns with them; the record keeps the others",
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="for each length and batch")
    parser.add_argument("--memory", type=float, default=16.0, help="gigabytes on a CPU")
    parser.add_argument("--record", type=Path, default=RECORD, metavar="FILE")
    arguments = parser.parse_args()
    size, tokens = DEFAULTS[arguments.device]
    arguments.size = arguments.size or size
    arguments.tokens = arguments.tokens or tokens
    return arguments


def plan(arguments: argparse.Namespace) -> list[tuple[int, int, Sequence[str]]]:
    """Batch, length and works of each round, short ones first: an interrupted run has those."""
    found = []
    for works in _chosen(arguments):
        lengths = arguments.prompts if works == ("decoding",) else arguments.lengths
        found += [(batch, length, works) for batch in arguments.batches for length in lengths]
    few = [one for one in found if one[0] * one[1] <= arguments.tokens]
    return sorted(few, key=lambda one: one[0] * one[1])


def _chosen(arguments: argparse.Namespace) -> list[tuple[str, ...]]:
    return [works for works in GROUPS if works[0] in arguments.only]


def kept(arguments: argparse.Namespace, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the record that are not measured again, if all else about them is the same."""
    known = read(arguments.record).get(arguments.device, {})
    if any(known.get(key) != fact for key, fact in facts.items()):
        return []
    again = {work for works in _chosen(arguments) for work in works}
    return [row for row in known["rows"] if row["work"] not in again]


def read(path: Path) -> dict[str, Any]:
    """The record: what is known of each device."""
    record: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return record


def write(path: Path, device: str, facts: dict[str, Any]) -> None:
    """Replace what the record says about a device."""
    record = read(path)
    record[device] = facts
    path.write_text(yaml.safe_dump(record, sort_keys=False, default_flow_style=None, width=1000))


def main() -> None:
    arguments = options()
    device = arguments.device
    torch.set_num_threads(1)
    if device == "cpu":
        limit_memory(arguments.memory)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    config = SIZES[arguments.size]
    facts: dict[str, Any] = {
        "machine": machine(device),
        "dtype": str(dtype).removeprefix("torch."),
        "config": dict(config),
        "versions": {n: version(n) for n in ("torch", "transformers", "transformer_lens")},
    }
    facts["rows"] = kept(arguments, facts)
    with torch.no_grad():
        among = contestants(arguments.size, device, dtype)
        for batch, length, works in plan(arguments):
            ids = torch.randint(1, config["vocab_size"], (batch, length), device=device)
            for row in measure(entries(among, works), ids, arguments.seconds):
                facts["rows"].append(row)
                print(described(row), file=sys.stderr, flush=True)
            write(arguments.record, device, facts)


def described(row: dict[str, Any]) -> str:
    """A line about one row."""
    what = f"{row['work']:9} {row['batch']} x {row['length']:5} {row['contestant']:15}"
    if not row["seconds"]:
        return f"{what} out of memory"
    return f"{what} {statistics.median(row['seconds']):9.4f} s {row['peak'] / 2**20:9.1f} MiB"


if __name__ == "__main__":
    main()
