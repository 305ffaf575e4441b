"""Specs drawn at random for property tests: any that the schema allows, with nasty text in them."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NASTY = (
    '"', '""', '"""', "'", "'''", "\\", "\\\\", '\\"', "\\N{BULLET}", "\\x41", "\n", "\r\n", "\t",
    "{{ 7 * 7 }}", "{% raw %}", "{% endraw %}", "#}", "{#", "# type: ignore", "# noqa", "%s", "{0}",
    "import os", '"""\nimport os\n"""', "', open('x')", "${HOME}", "`", "---", ": ", "é", "尺",
    "🙂", "x" * 120,
)  # fmt: skip
visible = st.text(st.characters(exclude_categories=["C"]), max_size=20)
prose = (
    st.lists(st.sampled_from(NASTY) | visible, min_size=1, max_size=6)
    .map(" ".join)
    .filter(str.strip)
)
# Few and chosen: drawing fifty names a spec from a pattern would take most of the time.
names = st.sampled_from(
    ("q_proj", "x", "a1_B", "self", "cls", "cfg", "open", "exec", "Any", "LinearBridge", "n_heads",
     "match", "T" * 60),
)  # fmt: skip
class_names = st.sampled_from(("X", "Any", "LinearBridge", "SmolLM3ForCausalLM", "A_1", "N" * 40))
paths = st.lists(names, min_size=1, max_size=3).map(".".join)
decided = st.booleans() | names
scalars = (
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | visible
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
validity = st.just("valid") | st.fixed_dictionaries({"invalid": prose})


def mapping(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({key.rstrip("_"): strategy for key, strategy in keys.items()})


def words(*allowed: str) -> st.SearchStrategy[str]:
    return st.sampled_from(allowed)


def biased(*roles: str) -> st.SearchStrategy[Any]:
    return decided | mapping(**dict.fromkeys(roles, decided))


norm_weights = words("scale", "offset", "none")
norms = mapping(kind=st.just("rms"), weight=norm_weights, eps=st.none() | names) | mapping(
    kind=st.just("layer"), weight=norm_weights, bias=st.booleans(), eps=st.none() | names
)
sandwich = dict.fromkeys(("ln1", "ln1_post", "ln2", "ln2_post"), names)
blocks = (
    mapping(topology=words("pre", "parallel"), ln1=names, ln2=names)
    | mapping(topology=st.just("post"), ln1_post=names, ln2_post=names)
    | mapping(topology=st.just("sandwich"), **sandwich, post_norms=decided)
    | mapping(topology=st.just("shared"), ln1=names)
)
separate = mapping(kind=st.just("separate"), q=paths, k=paths, v=paths, o=paths)
fused = mapping(kind=st.just("fused"), qkv=paths, o=paths, layout=words("stacked", "grouped"))
qk_norms = mapping(q=names, k=names, present=decided, after_rope=st.booleans())
places = words("output", "pattern", "cache", "keys_and_values", "nothing")
attention = mapping(
    kind=st.just("reimplemented"),
    path=paths,
    projections=separate | fused,
    bias=biased("q", "k", "v", "o"),
    heads=st.fixed_dictionaries({"query": names, "key_value": names}, optional={"head_dim": names}),
    qk_norm=st.just("none")
    | words("per_head", "own_per_head", "full_width", "head_modules").flatmap(
        lambda word: mapping(**{word: qk_norms})
    ),
    rope=mapping(
        pairing=words("half", "adjacent", "interleaved"),
        layers=words("all", "hybrid_sliding", "handed") | mapping(flag=names),
    ),
    window=words("none", "sliding_layers") | mapping(config=names) | mapping(flag=names),
    sinks=st.none() | names,
    cached=words("batch_head_pos", "batch_pos_head", "pos_batch_head"),
    mask_argument=st.none() | names,
    mask_hides=st.booleans(),
    returns=st.just("output")
    | st.lists(
        words("output", "pattern", "cache", "keys_and_values", "nothing"), min_size=1, max_size=4
    ),
)
hidden = {
    "path": paths,
    "act": st.none() | names,
    "opaque": st.lists(paths, max_size=2, unique=True),
}
gates = {"gate": paths, "in_": paths, "out": paths}
mlps = (
    mapping(kind=st.just("gated"), **hidden, **gates, bias=biased("gate", "in_", "out"))
    | mapping(kind=st.just("plain"), **hidden, in_=paths, out=paths, bias=biased("in_", "out"))
    | mapping(
        kind=st.just("fused_gated"), **hidden, gate_in=paths, out=paths, first=words("gate", "in"),
        bias=biased("gate_in", "out"),
    )
    | mapping(
        kind=st.just("moe"), **hidden, router=paths, experts=st.none() | paths, count=names,
        shared=st.none() | mapping(path=paths, **gates, bias=decided),
        dense=st.none() | mapping(**gates, bias=decided),
    )
)  # fmt: skip
multipliers = mapping(
    embedding=st.none() | names,
    residual=st.none() | names,
    logits=st.just("none") | mapping(multiply=names) | mapping(divide=names),
)
specs = st.fixed_dictionaries(
    {
        "architecture": class_names,
        "summary": prose,
        "paths": mapping(
            embed=paths, rotary=st.none() | paths, blocks=paths, final_norm=paths, unembed=paths
        ),
        "norm": norms,
        "block": blocks,
        "layouts": st.lists(
            mapping(when=names, block=blocks), max_size=2, unique_by=lambda layout: layout["when"]
        ),
        "attention": attention,
        "mlp": mlps,
        "multipliers": multipliers,
        "unembed_bias": decided,
        "tied_embeddings": decided,
        "processing": mapping(
            fold_ln=validity, center_writing_weights=validity, compatibility_mode=validity
        ),
        "tokenizer": mapping(prepend_bos=st.booleans(), padding_side=words("left", "right")),
        "tiny": st.dictionaries(names, values, max_size=4),
        "versions": st.lists(
            st.fixed_dictionaries({"paths.unembed": paths}, optional={"attention.path": paths}),
            max_size=2,
            unique_by=repr,
        ),
    },
    optional={
        "aliases": st.lists(class_names, max_size=3, unique=True),
        "model_type": names,
        "class_prefix": class_names,
        "title": prose,
        "notes": st.lists(prose, max_size=3, unique=True),
    },
)
