"""Broken modules: adapters that set something wrong up, or cannot be loaded at all."""

from tests.verify.case import FLAGS, PREPARING, Case, appended, losing_bits

SETUP = [
    Case(
        "another BOS policy",
        {
            "checkpoint.tokens": "becomes tokens [[261, 257, ",
            "config.flags": "cfg.default_prepend_bos is True, not False",
        },
        replace=(("default_prepend_bos = False", "default_prepend_bos = True"),),
    ),
    Case(
        "another config while loading",
        {"checkpoint.logits": "the output for 1 strings differs from HF by"},
        replace=appended(
            "\n    def prepare_loading(self, model_name: str, model_kwargs: Any) -> None:\n"
            '        model_kwargs["config"].rms_norm_eps = 1e-2\n'
        ),
    ),
    Case(
        "other end tokens",
        {"checkpoint.generate": "generates 'the cat sat in the hat, naïve"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.eos_token_id = list(range(256))"),),
        only=True,
    ),
    Case(
        "8 bits where others have 16",
        {
            "precision.bfloat16": "the output in bfloat16, in units of HF's own error of",
            "precision.float16": "the padded output in float16, in units of HF's own error of",
        },
        replace=losing_bits("out.dtype is not torch.float64"),
    ),
    Case(
        "no rotary embedding",
        {"hooks.inventory": "has no hook 'rotary_emb.hook_cos'; contradicts paths.rotary"},
        replace=(
            (
                '            "rotary_emb": RotaryEmbeddingBridge(name="model.rotary_emb"),\n',
                "",
            ),
        ),
        only=True,
    ),
    Case(
        "logits capped",
        {
            "forward.logits": "the output differs",
            "forward.unembed": "the unembedded final norm differs",
        },
        replace=appended(
            "\n    def apply_output_logits_transform(self, logits: torch.Tensor) -> torch.Tensor:\n"
            "        return 2 * logits\n"
            f"{PREPARING}hf_model.lm_head.register_forward_hook(lambda m, a, out: 2 * out)\n"
        ),
    ),
    Case(
        "embedding scaled",
        {"weights.embedding": "W_E differs", "hooks.stream": "hook_embed differs"},
        spec="llama",
        replace=appended(f"{PREPARING}hf_model.model.embed_tokens.weight.data.mul_(2)\n"),
    ),
    Case(
        "wrong size",
        {"config.sizes": "cfg.d_mlp is 7, not 80; contradicts mlp.out"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.d_mlp = 7"),),
        only=True,
    ),
    Case(
        "folding not allowed",
        {
            "config.processing": "supports_fold_ln is False, not True",
            "weights.folding": "was not folded",
        },
        replace=appended("        self.supports_fold_ln = False\n"),
    ),
    Case(
        "hooks that cannot be switched on",
        {"settings.hooks": "raised NotImplementedError: use_split_qkv_input / use_attn_in"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.gated_q_proj = True"),),
    ),
    Case(
        "NoPE layers not announced",
        {"settings.warnings": "TL warns: _SmolLM3AttentionBridge(self_attn) reconstructed"},
        replace=(("rope_optional = True", "rope_optional = False"),),
        only=True,
    ),
    Case(
        "a flag of other architectures",
        {"config.flags": "cfg.parallel_attn_mlp is True, not False; contradicts block.topology"},
        replace=((FLAGS, f"{FLAGS}\n        self.cfg.parallel_attn_mlp = True"),),
        only=True,
    ),
    Case(
        "a linear layer taken for a transposed one",
        {"boot.kinds": "blocks.attn.q is a Conv1DBridge around HF's Linear"},
        replace=(
            ('LinearBridge(name="q_proj")', 'Conv1DBridge(name="q_proj")'),
            ("import BlockBridge, ", "import BlockBridge, Conv1DBridge, "),
        ),
        only=True,
    ),
    Case(
        "no adapter in the file",
        {"boot.module": "expected one ArchitectureAdapter class in the file, found none"},
        replace=(("(BaseAdapter)", "(dict)"),),
    ),
    Case(
        "an import that fails",
        {"boot.module": "ModuleNotFoundError: No module named 'nonsense' (line "},
        replace=(("from typing import Any", "from typing import Any\n\nimport nonsense"),),
    ),
    Case(
        "not Python",
        {"boot.module": "SyntaxError"},
        replace=(("class SmolLM3", "klass SmolLM3"),),
        only=True,
    ),
    Case(
        "exits",
        {"boot.module": "SystemExit: 3"},
        replace=(("from typing import Any", "from typing import Any\n\nraise SystemExit(3)"),),
    ),
    Case(
        "raises in its constructor",
        {"boot.mapping": "ValueError: boom (line "},
        replace=((FLAGS, f'{FLAGS}\n        raise ValueError("boom")'),),
    ),
    Case(
        "raises in forward",
        {"forward.logits": "the bridge's forward pass failed: ValueError: boom (line "},
        replace=(
            (
                "return super().reconstructed(",
                'raise ValueError("boom")\n        return super().reconstructed(',
            ),
        ),
    ),
]
