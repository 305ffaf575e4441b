"""The bundled adapter classes, by name: `from adaptergen.adapters import LlamaArchitectureAdapter`.

TL's entry points lead here. The modules live in the folder `generated`, which is inside the package
in a wheel and beside it in a checkout; this module is the same in both.
"""

from adaptergen.project import bundled
from adaptergen.runtime import load_adapters


def __getattr__(name: str) -> object:
    for adapter in load_adapters(bundled("generated")).values():
        if adapter.__name__ == name:
            return adapter
    raise AttributeError(f"no bundled adapter is called {name!r}")
