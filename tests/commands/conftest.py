"""What the tests of commands share."""

from collections.abc import Callable
from typing import Any

import pytest

from adaptergen.infer.run import Inference
from tests.commands.inferences import LLAMA


def here(name: str, task: Callable[..., Any], *limits: Any) -> Any:
    """What a process of its own would return, without one."""
    return task()


@pytest.fixture
def inferring(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Lets `infer` come to a prepared inference; returns what it is asked for.

    Unless all specs are candidates for its parent, Llama is the only one.
    """

    def use(inference: Inference, *, candidates: str = "llama") -> list[Any]:
        asked: list[Any] = []

        def infer(*arguments: Any) -> Inference:
            asked.append(arguments)
            return inference

        monkeypatch.setattr("adaptergen.infer.run.infer", infer)
        monkeypatch.setattr("adaptergen.verify.process.run_alone", here)
        if candidates == "llama":
            monkeypatch.setattr("adaptergen.infer.report.candidates", lambda *_: [LLAMA])
        return asked

    return use
