"""The settings of nnterp's RenameConfig that a spec asks for, and what nnterp then finds."""

from collections.abc import Iterable, Iterator, Mapping

from adaptergen.spec.model import Spec
from adaptergen.spec.versions import versions
from adaptergen.targets.target import Refusal

# nnterp's names, and those that version 1.3 takes for them by itself, in its order: of several that
# a model has, the last one counts.
_CONTAINERS = ("transformer", "gpt_neox", "decoder", "language_model")


def _also_inside(*names: str) -> tuple[str, ...]:
    inside = (n.replace("model.", f"model.{c}.") for c in _CONTAINERS for n in names if "." in n)
    return (*names, *inside)


_KNOWN = {
    "model": _CONTAINERS,
    "layers": _also_inside("h", "blocks", "model.layers"),
    "self_attn": ("attn", "self_attention", "attention", "norm_attn_norm"),
    "mlp": ("block_sparse_moe", "ffn"),
    "ln_final": _also_inside(
        "final_layer_norm", "ln_f", "norm_f", "norm", "embedding_norm", "model.ln_final"
    ),
    "lm_head": ("embed_out",),
    "embed_tokens": _also_inside("wte", "embed_in", "word_embeddings", "model.embed_tokens"),
}
DEFAULTS = {name: alias for alias, names in _KNOWN.items() for name in names}
HEAD_COUNTS = ("n_heads", "num_attention_heads", "n_head", "num_heads")

# By setting: nnterp's name of the part, and the key of a spec that has its path.
_SETTINGS = {
    "layers_name": ("layers", ("paths", "blocks")),
    "attn_name": ("self_attn", ("attention", "path")),
    "mlp_name": ("mlp", ("mlp", "path")),
    "ln_final_name": ("ln_final", ("paths", "final_norm")),
    "lm_head_name": ("lm_head", ("paths", "unembed")),
}
_EMBED = ("embed_tokens", ("paths", "embed"))
_IN_LAYERS = ("self_attn", "mlp")


def settings(spec: Spec) -> dict[str, str | list[str]]:
    """The settings by name; several names, where versions of transformers differ."""
    specs = [spec, *(other for other, _, _ in versions(spec))]
    found: dict[str, str | list[str]] = {}
    for setting, (alias, keys) in _SETTINGS.items():
        # Nothing can be renamed to what it is called.
        names = [*dict.fromkeys(n for one in specs if (n := _path(one, keys)) != alias)]
        if names:
            found[setting] = names if names[1:] else names[0]
    heads = getattr(spec.attention, "heads", None)
    if heads and heads.query not in HEAD_COUNTS:
        found["attn_head_config_key"] = heads.query
    return found


def refused(spec: Spec) -> Iterator[Refusal]:
    """The parts that nnterp would not find, or of which it could show only one of several."""
    if spec.side_mlp:
        other = f"`{spec.mlp.path}` and `{spec.side_mlp.path}`"
        yield Refusal(("side_mlp",), f"nnterp has one MLP in a layer, and no name for {other}")
    modules = Modules(_places(spec), {**_renamed(spec), **DEFAULTS})
    layer = f"{spec.paths.blocks}.0"
    for alias, keys in (*_SETTINGS.values(), _EMBED):
        place, path = (layer if alias in _IN_LAYERS else ""), _path(spec, keys)
        found = modules.follow(place, alias)
        if found is None:
            known = ", ".join(name for name in _KNOWN[alias] if "." not in name)
            yield Refusal(keys, f"nnterp has no setting for it, and finds only {alias}, {known}")
        elif found != modules.follow(place, path):
            shown = found.removeprefix(f"{layer}.") if place else found
            yield Refusal(keys, f"nnterp would take `{shown}` for it, which it finds by itself")


def _renamed(spec: Spec) -> dict[str, str]:
    named = {_path(spec, keys): alias for alias, keys in _SETTINGS.values()}
    return {name: alias for name, alias in named.items() if name != alias}


def _path(spec: Spec, keys: tuple[str, str]) -> str:
    part, key = keys
    return str(getattr(getattr(spec, part), key))


def _places(spec: Spec) -> Iterator[str]:
    """The modules that a spec names."""
    paths = spec.paths
    yield from (paths.embed, paths.final_norm, paths.unembed)
    yield from filter(None, (paths.rotary, spec.embedding_norm))
    below = [spec.attention.path, spec.mlp.path, *spec.block.norms.values(), *spec.opaque]
    below += [spec.side_mlp.path] if spec.side_mlp else []
    yield from (f"{paths.blocks}.0.{path}" for path in below)


class Modules:
    """Modules of a model, and those that nnterp finds among them under other names."""

    def __init__(self, paths: Iterable[str], renamed: Mapping[str, str]) -> None:
        parts = (path.split(".") for path in paths)
        self._paths = {".".join(p[: end + 1]) for p in parts for end in range(len(p))}
        self._renamed = renamed
        self._aliases: dict[str, dict[str, str]] = {}

    def follow(self, place: str, path: str) -> str | None:
        """The path of the module that a path below another one leads to."""
        found: str | None = place
        for name in path.split("."):
            found = None if found is None else self._below(found, name)
        return found

    def _below(self, place: str, name: str) -> str | None:
        path = f"{place}.{name}".removeprefix(".")
        if path in self._paths:
            return path
        other = self._named(place).get(name)
        return self.follow(place, other) if other else None

    def _named(self, place: str) -> dict[str, str]:
        """Paths below a module by their other names; a later one takes an earlier one's place."""
        if place not in self._aliases:
            found = self._aliases[place] = {}
            for path, alias in self._renamed.items():
                if self.follow(place, path) is not None:
                    found[alias] = path
        return self._aliases[place]
