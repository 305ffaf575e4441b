"""Loads tiny models with nnterp, and compares what it shows of them with HF: run with nnterp.

    python -m tests.nnterp_outputs FOLDER SPEC...

FOLDER holds rename configurations, SPEC is a file. Prints the largest difference for each spec, as
JSON, and with them the names that nnterp finds by itself.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import torch

from adaptergen.language.files import spec_name
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.verify.hf import HfModel, own_class
from tests.strange_names import StrangeForCausalLM

SPECS = [bundled("specs")]


def loaded(folder: Path) -> dict[str, Any]:
    """Rename configurations by HF class."""
    place = folder / "__init__.py"
    found = importlib.util.spec_from_file_location("renamed", place)
    assert found is not None
    assert found.loader is not None
    package = importlib.util.module_from_spec(found)
    sys.modules["renamed"] = package
    found.loader.exec_module(package)
    configs: dict[str, Any] = package.RENAME_CONFIGS
    return configs


class Bare:
    """What nnterp asks of a tokenizer, for models without one."""

    padding_side = "left"


def difference(spec: Spec, config: Any) -> float:
    """The largest one between what nnterp shows and what HF's modules return, over all layers."""
    from nnterp import StandardizedTransformer

    hf = HfModel(spec.architecture, spec.tiny)
    ids = hf.batch(8).ids
    theirs = _returned(spec, hf.model, ids)
    model = StandardizedTransformer(hf.model, tokenizer=Bare(), rename_config=config)
    shown = {}
    with model.trace({"input_ids": ids}):
        embedded = model.token_embeddings.save()
        for layer in range(model.num_layers):
            shown[layer, "attention"] = model.attentions_output[layer].save()
            shown[layer, "mlp"] = model.mlps_output[layer].save()
            shown[layer, "layer"] = model.layers_output[layer].save()
        final = model.ln_final.output.save()
        logits = model.lm_head.output.save()
    ours = {**shown, "embed": embedded, "final": final, "logits": logits}
    assert ours.keys() == theirs.keys()
    return max((ours[key] - theirs[key]).abs().max().item() for key in theirs)


def _returned(spec: Spec, model: Any, ids: torch.Tensor) -> dict[Any, torch.Tensor]:
    """What the modules at a spec's paths return, by layer and part."""
    paths = spec.paths
    places: dict[Any, str] = {
        "embed": paths.embed, "final": paths.final_norm, "logits": paths.unembed
    }  # fmt: skip
    for layer in range(len(model.get_submodule(paths.blocks))):
        place = f"{paths.blocks}.{layer}"
        places[layer, "layer"] = place
        places[layer, "attention"] = f"{place}.{spec.attention.path}"
        places[layer, "mlp"] = f"{place}.{spec.mlp.path}"
    found: dict[Any, torch.Tensor] = {}

    def keep(key: Any) -> Any:
        def hook(_module: Any, _given: Any, output: Any) -> None:
            # The last call counts: a norm of the embedding may be the final one as well.
            found[key] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [model.get_submodule(p).register_forward_hook(keep(k)) for k, p in places.items()]
    with torch.no_grad():
        model(input_ids=ids)
    for handle in handles:
        handle.remove()
    return found


def main(folder: str, *specs: str) -> None:
    """Print the largest difference for each spec, and what nnterp finds by itself."""
    from nnterp import rename_utils

    own_class(StrangeForCausalLM)
    configs = loaded(Path(folder))
    found: dict[str, float] = {}
    for path in specs:
        spec = Loader(SPECS).load(path).spec
        found[spec_name(path)] = difference(spec, configs[spec.architecture])
    known = list(rename_utils.get_rename_dict().items())
    heads = rename_utils.default_attn_head_config_keys()
    print(json.dumps({"differences": found, "known": known, "heads": heads}))


if __name__ == "__main__":
    main(*sys.argv[1:])
