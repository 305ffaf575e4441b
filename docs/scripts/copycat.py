"""Trains the tiny checkpoint of the guide to notebooks: docs/copycat, a GPT-NeoX that copies.

Texts are eight random letters, again and again. Whoever continues them has to look back. Training
takes some twenty seconds; on another machine the weights are others, and may do it in another way.
"""

import argparse
import string
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from docs.scripts import DOCS

FOLDER = DOCS / "copycat"
START = "."
PERIOD, TIMES = 8, 3


def tokenizer() -> PreTrainedTokenizerFast:
    """Letters are tokens; the full stop begins a text."""
    letters = {letter: number for number, letter in enumerate(START + string.ascii_lowercase)}
    own = Tokenizer(models.WordLevel(letters, unk_token=START))
    own.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    own.decoder = decoders.Fuse()
    special = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), START)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=own, **special
    )


def config() -> GPTNeoXConfig:
    """Two layers are enough to look back in two steps."""
    return GPTNeoXConfig(
        vocab_size=1 + len(string.ascii_lowercase), hidden_size=48, intermediate_size=96,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip


def texts(count: int) -> Tensor:
    """Tokens of as many texts, [count, pos]."""
    letters = torch.randint(1, 1 + len(string.ascii_lowercase), (count, PERIOD))
    return torch.cat((torch.zeros(count, 1, dtype=torch.long), letters.repeat(1, TIMES)), dim=1)


def loss(model: GPTNeoXForCausalLM, tokens: Tensor) -> Tensor:
    """Cross entropy of the letters that can be known, which are those from the second time on."""
    logits = model(tokens).logits[:, PERIOD:-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), tokens[:, PERIOD + 1 :].flatten()
    )


def train(steps: int) -> GPTNeoXForCausalLM:
    """A model that continues such texts."""
    torch.manual_seed(0)
    model = GPTNeoXForCausalLM(config())
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward([loss(model, texts(32))])
        optimizer.step()
    model.train(False)
    return model


def main() -> None:
    """Write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    model = train(arguments.steps)
    model.save_pretrained(arguments.out)
    tokenizer().save_pretrained(arguments.out)
    print(f"loss {loss(model, texts(256)):.4f}")


if __name__ == "__main__":
    main()
