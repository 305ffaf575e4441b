"""Values of arguments: what they may be, and how often they may be given."""

import argparse


def word(text: str) -> str:
    """An argument as it is; an empty one is what a script makes of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


class Once(argparse.Action):
    """The value of an option. Of two paths or names, one would be passed over: that is refused."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep the value, if it is the first."""
        is_word = not (self.type or self.choices)
        if option_string and is_word and getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "it is given twice")
        setattr(namespace, self.dest, values)


def positive(text: str) -> int:
    """A whole number of one or more."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def limit(text: str) -> float:
    """A number of seconds or gigabytes."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def shipped(text: str) -> str:
    """The HF class whose adapter TransformerLens ships."""
    origin, _, name = text.partition(":")
    if origin != "transformer_lens" or not name.isidentifier():
        raise ValueError
    return name


# What argparse calls a value that these refuse.
positive.__name__, limit.__name__ = "positive number", "number"
shipped.__name__ = "adapter, such as transformer_lens:LlamaForCausalLM,"
