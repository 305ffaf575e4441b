"""What only the inside of a process can tell: verification when warm, and forward passes.

Prints JSON. Needs torch, so it runs in a process of its own.
"""

import json
import statistics
import time
from pathlib import Path

import torch
from contestants import Work, contestants

from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.verify import verify

ROUNDS = 60


def warm_verification() -> float:
    """Seconds of a second verification in one process."""
    spec = Loader([bundled("specs")]).load(str(Path(bundled("specs"), "smollm3.yaml")))
    module = str(Path(bundled("generated"), "smollm3.py"))
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        record = verify(spec, module)
        seconds = time.perf_counter() - start
        assert record.passed, record
    return seconds


def forward_ratio(ours: Work, theirs: Work) -> float:
    """Time of our adapter over time of TL's, in the median of paired passes."""
    tokens = torch.arange(64)[None]

    def seconds(work: Work) -> float:
        start = time.perf_counter()
        work(tokens)
        return time.perf_counter() - start

    ratios = []
    with torch.no_grad():
        for number in range(-5, ROUNDS):
            # Who goes first alternates: the second finds warmer caches.
            if number % 2:
                ours_took, theirs_took = seconds(ours), seconds(theirs)
            else:
                theirs_took, ours_took = seconds(theirs), seconds(ours)
            if number >= 0:
                ratios.append(ours_took / theirs_took)
    return statistics.median(ratios)


def main() -> None:
    torch.set_num_threads(1)
    warm = warm_verification()
    among = contestants("smaller", "cpu", torch.float32)
    ours, theirs = among["generated"], among["TransformerLens"]
    works = {"forward": "forward", "run_with_cache": "full"}
    ratios = {run: forward_ratio(ours[work], theirs[work]) for run, work in works.items()}
    print(json.dumps({"warm": warm, **ratios}))


if __name__ == "__main__":
    main()
