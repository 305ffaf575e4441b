"""`adaptergen explain` knows each hook that verification compares, and the check that does."""

import pytest

from adaptergen.reference.terms import find_terms
from adaptergen.verify.checks import hooks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of

CHECKS = {"stream": "hooks.stream", "norm": "hooks.norms", "mlp": "hooks.mlp"}


def comparing(hook: str, part: str) -> str:
    """The check that compares a hook."""
    if hook in hooks._ROTATION:
        return "hooks.rotation"
    return "hooks.pattern" if hook in hooks._PATTERN else CHECKS.get(part, "hooks.attention")


# Attention of two kinds and fused projections, experts shared and not, norms on outputs.
@pytest.mark.parametrize("name", ["smollm3", "deepseek_v3", "granitemoeshared", "gemma2", "phi3"])
def test_every_hook_is_explained_with_the_check_that_compares_it(name: str) -> None:
    subject = Subject(load(name).spec, module_of(name))
    wrong = {}
    for stage in subject.stages:
        said = [term.more.split("`")[1] for term in find_terms([stage.name])]
        if said != [f"adaptergen explain {comparing(stage.hook, stage.part)}"]:
            wrong[stage.hook] = said
    assert wrong == {}
