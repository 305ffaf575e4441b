"""Broken modules: adapters that take from configs what is not there, or leave what is."""

from tests.verify.case import FLAGS, PREPARING, Case, appended

SDPA = FLAGS.replace("eager", "sdpa")
SCALED_OUTSIDE = """
    def preprocess_weights(self, state_dict: Any) -> Any:
        return super(ScaledLogitsAdapter, self).preprocess_weights(state_dict)

    def postprocess_weights(self, bridge: Any) -> None:
        pass
"""

CONFIGS = [
    Case(
        "attention that is SDPA though the user chose to have it computed eagerly",
        {"boot.attention": "the adapter makes attention 'sdpa', not 'eager'"},
        spec="llama",
        replace=appended(f'{PREPARING}hf_model.set_attn_implementation("sdpa")\n'),
        only=True,
        fused=True,
    ),
    Case(
        "a config that asks for patterns, which SDPA has not",
        {"checkpoint.config": "The `output_attentions` attribute is not supported"},
        spec="llama",
        replace=appended(f"{PREPARING}hf_model.config.__dict__['_output_attentions'] = True\n"),
        only=True,
        fused=True,
    ),
    Case(
        "a base of rotary angles that is TransformerLens' own",
        {"config.flags": "cfg.rotary_base is 10000, not 500000.0"},
        spec="cohere",
        replace=((SDPA, f"{SDPA}\n        self.cfg.rotary_base = 10000"),),
        fused=True,
    ),
    Case(
        "a key that configs made by hand lack",
        {"boot.defaults": "has no attribute 'parallel_attn'"},
        spec="falcon",
        replace=(('        "parallel_attn": True,\n', ""),),
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
        replace=appended(SCALED_OUTSIDE),
        only=True,
    ),
]
