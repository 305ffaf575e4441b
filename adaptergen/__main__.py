# PYTHON_ARGCOMPLETE_OK
"""`adaptergen` as a program, and `python -m adaptergen`."""

try:
    import gc
    import os
    import sys

    from adaptergen import quick
except KeyboardInterrupt:
    # 130 is what `main` returns for it.
    raise SystemExit(130) from None


def run() -> int:
    """Run the command line in a process of its own, set up for a short life.

    Both settings together spare a build of one spec a quarter of its time.
    """
    _open_closed()
    try:
        if (status := quick.run(sys.argv[1:])) is not None:
            return status
        from adaptergen.cli import main
        from adaptergen.commands.signals import exit_status, heed_requests, ignore_requests
    except KeyboardInterrupt:
        return 130
    try:
        heed_requests()
        # Nearly all that is imported and built stays until the end: Python looks for garbage among
        # it again and again on the way, and once more when it ends.
        gc.set_threshold(100_000)
        _spare_plugins()
        return main()
    except KeyboardInterrupt:
        # Just before `main`, or just after it.
        return exit_status()
    finally:
        ignore_requests()
        gc.freeze()
        if "adaptergen.verify.process" in sys.modules:
            sys.modules["adaptergen.verify.process"].end_all()


def _open_closed() -> None:
    """Open what the caller has closed of input, output and errors; what is printed then is lost.

    A file that is opened later would get its number otherwise, and whatever is printed to it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The least number that is free: this one.
            handle = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r", encoding="utf-8"))


def _spare_plugins() -> None:
    """Make pydantic have no plugins: it reads the metadata of every installed package for them.

    What it would read that with takes longer to import than all of a spec takes to be rendered.
    """
    from types import ModuleType

    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    loader = ModuleType("pydantic.plugin._loader")
    loader.__dict__["get_plugins"] = tuple
    sys.modules[loader.__name__] = loader


if __name__ == "__main__":
    raise SystemExit(run())
