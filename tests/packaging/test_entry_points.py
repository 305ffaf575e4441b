"""TL finds adapters of installed packages by entry points, for names that it does not ship."""

import tomllib

from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

from adaptergen.project import bundled
from adaptergen.runtime import load_adapters

from .conftest import CHECKOUT

GROUP = "transformer_lens.architectures"


def test_names_that_tl_lacks_have_an_entry_point() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    declared = project.get("entry-points", {}).get(GROUP, {})
    wanted = {
        architecture: f"adaptergen.adapters:{adapter.__name__}"
        for architecture, adapter in load_adapters(bundled("generated")).items()
        if architecture not in SUPPORTED_ARCHITECTURES
    }
    assert declared == wanted, f'[project.entry-points."{GROUP}"] in pyproject.toml'
