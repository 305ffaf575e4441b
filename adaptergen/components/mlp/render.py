"""MLPs as TransformerLens has them: bridges, and fields of its config."""

from typing import Any, ClassVar, Generic, TypeVar

from adaptergen.components.mlp.spec import Mlp, ProjectedMlp
from adaptergen.language.kinds import module_of

M = TypeVar("M", bound=Mlp)
P = TypeVar("P", bound=ProjectedMlp)


class MlpRender(Generic[M]):
    """The rendering of an MLP; each kind has a subclass that is called `Render`.

    `bridge` is the class that wraps HF's module; `copied` says whether its output is copied for
    HF's block, which changes it in place.
    """

    bridge: ClassVar[str]

    def __init__(self, mlp: M) -> None:
        self.mlp = mlp

    @property
    def copied(self) -> bool:
        """Whether HF's block gets a copy of the output, since it changes it in place."""
        return False

    @property
    def settings(self) -> dict[str, str | None]:
        """Fields of TL's config that TL does not fill by itself, with the HF config keys."""
        return {}

    @property
    def measured(self) -> str:
        """Path of the layer that reads the hidden neurons, if no config key counts them."""
        return ""


class ProjectedRender(MlpRender[P]):
    """The common part of kinds whose projections TL wraps."""

    @property
    def settings(self) -> dict[str, str | None]:
        """The number of hidden neurons."""
        return {"d_mlp": self.mlp.width}

    @property
    def measured(self) -> str:
        """Path of the output projection, if no config key counts what it reads."""
        return f"{self.mlp.path}.{self.mlp.out}" if self.mlp.measured else ""


def render_of(mlp: Mlp) -> MlpRender[Any]:
    """The rendering of an MLP, by its kind."""
    found: MlpRender[Any] = module_of(mlp, "render").Render(mlp)
    return found
