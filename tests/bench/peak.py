"""How much memory a call takes at most, beyond what was there before."""

import gc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile


class Memory(NamedTuple):
    """Bytes: the most that tensors took at once, and what the result holds on to."""

    peak: int
    held: int


def memory(call: Callable[[], Any], device: str) -> Memory | None:
    """What the call takes; nothing if it takes more than there is."""
    gc.collect()
    try:
        return _on_cuda(call) if device == "cuda" else _on_cpu(call)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        return None
    finally:
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()


def _on_cuda(call: Callable[[], Any]) -> Memory:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = call()
    torch.cuda.synchronize()
    return Memory(torch.cuda.max_memory_allocated() - before, _held(result))


def _on_cpu(call: Callable[[], Any]) -> Memory:
    """Of what torch allocates: the process itself takes and returns memory by whole pages."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        result = call()
    assert profiled.profiler is not None
    events = profiled.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    allocated = peak = 0
    for _, change in changes:
        allocated += change
        peak = max(peak, allocated)
    return Memory(peak, _held(result))


def _held(result: Any) -> int:
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage() for t in _tensors(result)}
    return sum(storage.nbytes() for storage in storages.values())


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif hasattr(result, "values"):
        for value in result.values():
            yield from _tensors(value)
