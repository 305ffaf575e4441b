"""MLPs that are left to HF: never recognised, only left to HF."""

from adaptergen.components.mlp.infer import MlpInference


class Inference(MlpInference):
    """The last resort is taken where no kind is recognised, and says why."""
