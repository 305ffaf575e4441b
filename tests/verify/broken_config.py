"""Broken modules: adapters that take from configs what is not there, or leave what is."""

from tests.verify.case import Case

CONFIGS = [
    Case(
        "a key that configs made by hand lack",
        {"boot.defaults": "cfg.parallel_attn is None by default, not True"},
        spec="falcon",
        replace=(('            "parallel_attn": True,\n', ""),),
        only=True,
    ),
    Case(
        "a key that such configs have at another value than HF's",
        {"boot.defaults": "cfg.logit_scale is 1.0 by default, not 0.0625"},
        spec="cohere",
        change={"defaults": {}},
        replace=(('{"logit_scale": 0.0625}', '{"logit_scale": 1.0}'),),
        only=True,
    ),
    Case(
        "logits that are scaled outside of the unembedding",
        {"use.attributed": "attributed in compatibility mode differs from HF by"},
        spec="granite",
        replace=(
            ("def preprocess_weights", "def keep_weights"),
            ("def postprocess_weights", "def keep_scale"),
        ),
        only=True,
    ),
]
