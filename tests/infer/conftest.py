"""Models are looked at under the conditions under which they are compared."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def exact() -> Iterator[None]:
    from adaptergen.verify.precision import comparable

    with comparable():
        yield
