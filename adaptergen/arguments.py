"""The arguments of the command line: what each verb takes, and how `--help` explains it."""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeAlias

from adaptergen import __version__
from adaptergen.argument_values import Once, limit, positive, shipped, word
from adaptergen.report import FORMATS
from adaptergen.targets.registered import DEFAULT, TARGETS

Group: TypeAlias = "argparse._ArgumentGroup"


def parser(given: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs; of the arguments of none but those that are `given`, if any are."""
    top = argparse.ArgumentParser(
        prog="adaptergen",
        description="TransformerLens adapters from YAML specs, proven against HuggingFace.",
        epilog="A tutorial, guides and reference: https://adaptergen.github.io/adaptergen/",
    )
    top.add_argument("--version", action="version", version=f"adaptergen {__version__}")
    verbs = top.add_subparsers(title="verbs", metavar="VERB")
    for name, summary, add in VERBS:
        verb = verbs.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        verb.register("type", None, word)
        verb.register("action", None, Once)
        verb.set_defaults(verb=f"adaptergen.commands.{name}")
        if given is None or name in given:
            add(verb)
    return top


def _build(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "specs", nargs="*", metavar="SPEC|DIR",
        help="spec files, folders of specs, or names; without any, all of the project's specs",
    )  # fmt: skip
    mode = verb.add_mutually_exclusive_group()
    mode.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a file is stale"
    )
    mode.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    mode.add_argument("--stdout", action="store_true", help="write nothing; print the modules")
    _target(verb)
    verb.add_argument(
        "--out", metavar="DIR",
        help="folder of the generated modules; left out, the project's, and of targets but"
        " transformer_lens, a folder of their name in it",
    )  # fmt: skip
    verb.add_argument(
        "--templates", metavar="DIR", help="templates that go before the bundled ones"
    )
    verb.add_argument(
        "--force", action="store_true", help="replace files edited by hand or not ours"
    )
    verb.add_argument(
        "--prune", action="store_true",
        help="also remove generated modules without a spec that no build here is known to have "
        "written",
    )  # fmt: skip
    verb.add_argument(
        "--render", action="store_true",
        help="trust no header: render all, and compare it with what is there",
    )  # fmt: skip
    verb.add_argument(
        "--fail-on-change", action="store_true", help="exit 1 if a file was written (hooks)"
    )
    _output(verb)


def _verify(verb: argparse.ArgumentParser) -> None:
    verb.usage = "adaptergen verify [options] [NAME|SPEC ...]"
    verb.add_argument(
        "specs", nargs="*", metavar="NAME|SPEC", help="specs to verify; without any, all"
    )
    verb.add_argument("--all", action="store_true", help="every spec, as without names")
    _format(verb)
    verb.add_argument("--quiet", action="store_true", help="no progress on stderr")
    verb.add_argument("--module", metavar="FILE", help="a module instead of the generated one")
    verb.add_argument(
        "--adapter", metavar="transformer_lens:CLASS", type=shipped,
        help="the adapter that TransformerLens ships for a HF class, with a spec or without",
    )  # fmt: skip
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="HF config of the tiny model, such as attention_bias=true; repeatable",
    )  # fmt: skip
    verb.add_argument(
        "--trust-remote-code", metavar="DIR", dest="code",
        help="a folder whose modelling files define HF's class; they are run",
    )  # fmt: skip
    _verify_checks(verb.add_argument_group("checks"))
    _verify_report(verb.add_argument_group("report"))
    _verify_processes(verb.add_argument_group("processes, one for each architecture"))


def _verify_checks(group: Group) -> None:
    for flag, help_ in (
        ("--only", "run no others: names or groups, such as `hooks.*` or `forward`; repeatable"),
        ("--skip", "leave these out; repeatable"),
    ):
        group.add_argument(flag, action="append", default=[], metavar="PATTERN", help=help_)
    group.add_argument(
        "--variants", action="store_true", help="also check each config that is one field away"
    )
    group.add_argument(
        "--mutants", action="store_true",
        help="also break each adapter that passes in many ways; the checks must notice each "
        "(processes that --jobs has to spare share the work)",
    )  # fmt: skip
    group.add_argument("--list-checks", action="store_true", help="show what is checked, and end")


def _verify_report(group: Group) -> None:
    group.add_argument("--json", metavar="FILE", help="write the records for programs")
    group.add_argument("--html", metavar="FILE", help="draw the records as one page for people")
    group.add_argument(
        "--resume", action="store_true",
        help="skip what the --json file holds on the same inputs and versions",
    )  # fmt: skip


def _verify_processes(group: Group) -> None:
    group.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="processes at once (default 1)"
    )
    _limits(group, 300)


def _limits(group: argparse._ActionsContainer, seconds: int) -> None:
    """Limits of a process."""
    group.add_argument(
        "--timeout", type=limit, default=seconds, metavar="SECONDS",
        help=f"what takes longer is stopped and has failed (default {seconds}; 0: never)",
    )  # fmt: skip
    group.add_argument(
        "--memory", type=limit, default=4, metavar="GB",
        help="allowed on top of the libraries (default 4; 0: any; Linux only)",
    )  # fmt: skip


def _infer(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "source", metavar="CLASS|CONFIG.json|FOLDER|HUB_ID",
        help="HF class, config, folder of a model (weights are not needed), or hub id",
    )  # fmt: skip
    verb.add_argument("--out", metavar="FILE", help="spec to write; without it, it is printed")
    verb.add_argument("--force", action="store_true", help="replace the file if it is there")
    verb.add_argument(
        "--partial", action="store_true",
        help="write the spec even if something is not explained, or a part is left to HF",
    )  # fmt: skip
    verb.add_argument(
        "--trust-remote-code", action="store_true",
        help="run the model's own modelling files, though transformers may have the class too",
    )  # fmt: skip
    verb.add_argument(
        "--tiny", action="append", default=[], metavar="KEY=VALUE",
        help="HF config of the tiny model that is looked at; repeatable",
    )  # fmt: skip
    _limits(verb, 900)
    verb.add_argument("--explain", action="store_true", help="also list the nearest parents")
    _format(verb)
    verb.add_argument(
        "--json", action="store_const", const="json", dest="format",
        help="the same as --format json",
    )  # fmt: skip
    verb.add_argument("--quiet", action="store_true", help="no progress and no table")


def _show(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("spec", metavar="NAME|SPEC|CLASS", help="the spec to show")
    _format(verb)


def _diff(verb: argparse.ArgumentParser) -> None:
    verb.description = f"{verb.description} Exits with 0 whether or not they differ."
    verb.add_argument("one", metavar="NAME|SPEC", help="a spec")
    verb.add_argument("other", metavar="NAME|SPEC", help="the spec to hold against it")
    verb.add_argument(
        "--all", action="store_true",
        help="also what makes no other model: names, tokenizer, tiny model, verification, reasons",
    )  # fmt: skip
    _format(verb)


def _explain(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "words", nargs="*", metavar="WORD",
        help="a key, kind or value such as rope, `mlp gate` or moe; a check, a hook, or mutants",
    )  # fmt: skip
    verb.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="form of the output"
    )


def _new(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", help="name of the spec, such as mymodel")
    verb.add_argument("--extends", metavar="PARENT", required=True, help="the spec it varies")
    verb.add_argument(
        "--architecture", metavar="CLASS",
        help="HF class; left out, that of the model type NAME in transformers, or NAMEForCausalLM",
    )  # fmt: skip
    _format(verb)


def _vendor(verb: argparse.ArgumentParser) -> None:
    verb.description = (
        f"{verb.description} They do not need adaptergen; the package is told of by"
        " `adaptergen.register(DIR)`, and brought up to date by running this again."
    )
    verb.add_argument("spec", metavar="NAME|SPEC|CLASS", help="the spec whose adapter is copied")
    _target(verb)
    verb.add_argument(
        "--out", metavar="DIR", required=True, help="a folder of its own in your package"
    )
    verb.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a file is stale"
    )
    verb.add_argument(
        "--force", action="store_true", help="replace files edited by hand or not ours"
    )
    _output(verb)


def _target(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--target", choices=TARGETS, default=DEFAULT,
        help=f"library to write modules for (default {DEFAULT})",
    )  # fmt: skip


def _list(verb: argparse.ArgumentParser) -> None:
    _format(verb)


def _format(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--format", choices=("text", "json"), default="text", help="form of the output"
    )


def _schema(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--format", choices=("json",), default="json", help="it is JSON in any case")


def _output(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--format", choices=FORMATS, default="text", help="form of the outcome")
    verb.add_argument("--quiet", action="store_true", help="print mistakes only")


VERBS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("build", "generate adapter modules from specs", _build),
    ("verify", "prove generated adapters against HuggingFace", _verify),
    ("infer", "find the spec of a model that nobody has described, and prove it", _infer),
    ("show", "print a spec with its parents merged in, and where each value came from", _show),
    ("diff", "compare two specs, facet by facet", _diff),
    ("list", "list the architectures that have a spec", _list),
    ("explain", "explain keys, kinds and values of the spec language, and checks", _explain),
    ("schema", "print the JSON Schema of specs", _schema),
    ("new", "start a spec for a variant of an architecture", _new),
    ("vendor", "copy an adapter and the modules that it needs into a package", _vendor),
)
