"""Classes of transformers that no spec describes yet."""

import pytest

from adaptergen.infer.run import infer
from adaptergen.project import bundled
from tests.conftest import rarely

# Latents in blocks that scale what they add; norms of latents with an epsilon of their own.
NAMES = ("MiniCPM3ForCausalLM", "Glm4MoeLiteForCausalLM")


@pytest.mark.full
@pytest.mark.parametrize("name", rarely(NAMES, 1, pytest.mark.exhaustive))
def test_class_is_proven(name: str) -> None:
    found = infer(name, {}, {}, [bundled("templates")])
    assert found.unexplained == []
    assert found.explained
