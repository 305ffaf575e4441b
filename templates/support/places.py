"""Where the installed transformers has the modules that an adapter maps, and in which order."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from .hook_aware import hf_module


def move_as_installed(
    components: dict[str, Any], versions: Iterable[dict[str, str | None]], hf_model: nn.Module
) -> None:
    """Map components to where the first version has them that an HF model is of, if it is of any.

    A version maps places, of which it lacks one, to places that it has, or to none.
    """
    for moved in versions:
        blocks = components["blocks"].name
        new, moved_blocks = filter(None, moved.values()), moved.get(blocks) or blocks
        lacks = not all(_found(hf_model, place, blocks) for place in moved)
        if lacks and any(_found(hf_model, place, moved_blocks) for place in new):
            _move(components, moved)
            return


def number_layers(components: dict[str, Any], hf_model: nn.Module) -> None:
    """Let each layer's attention say which layer of a cache is its own, as TL asks it.

    Code from elsewhere may have the number in the block, or in the model that calls it.
    """
    blocks = components["blocks"]
    attention = blocks.submodules.get("attn")
    module: Any
    for number, block in enumerate(_found(hf_model, "*", blocks.name)):
        for module in _found(block, attention.name, blocks.name) if attention else ():
            if not hasattr(module, "layer_idx"):
                module.layer_idx = number


def _found(hf_model: nn.Module, place: str, blocks: str) -> list[nn.Module]:
    """The modules of a model at a place; its blocks are at a path."""
    found: list[Any] = [hf_model]
    for name in place.replace("*", f"{blocks}.*").split("."):
        owners = [hf_module(owner) for owner in found]
        if name == "*":
            found = [child for owner in owners for child in owner.children()]
        else:
            found = [getattr(owner, name) for owner in owners if hasattr(owner, name)]
    return found


def _move(components: dict[str, Any], moved: dict[str, str | None], holder: str = "") -> None:
    """Give components inside of a place the paths that they have where places are moved."""
    for key, component in list(components.items()):
        place = f"{holder}{component.name}"
        if _new_place(place, moved) is None:
            del components[key]
            continue
        component.name = _inside(holder, place, moved)
        inside = "*." if component.is_list_item else f"{place}."
        _move(component.submodules, moved, inside)


def _inside(holder: str, place: str, moved: dict[str, str | None]) -> str:
    """The new path of a place, seen from its holder's."""
    return str(_new_place(place, moved)).removeprefix(str(_new_place(holder, moved)))


def _new_place(place: str, moved: dict[str, str | None]) -> str | None:
    """Where a place is, or the module that it is in, once places are moved."""
    names = place.split(".")
    for end in range(len(names), 0, -1):
        above = ".".join(names[:end])
        if above in moved:
            new = moved[above]
            return new and ".".join([new, *names[end:]])
    return place
