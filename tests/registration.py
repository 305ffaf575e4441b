"""What TL knows of adapters, kept as it is for other tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformer_lens.factories import architecture_adapter_factory as factory


@contextmanager
def restored_factory() -> Iterator[None]:
    """Whatever is registered inside is unknown to TL afterwards."""
    adapters = dict(factory.ArchitectureAdapterFactory._adapters)
    supported = dict(factory.SUPPORTED_ARCHITECTURES)
    try:
        yield
    finally:
        factory.ArchitectureAdapterFactory._adapters = adapters
        factory.SUPPORTED_ARCHITECTURES.clear()
        factory.SUPPORTED_ARCHITECTURES.update(supported)
