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
    try:
        if (status := quick.run(sys.argv[1:])) is not None:
            return status
        from adaptergen.cli import main
        from adaptergen.commands.signals import heed_requests, ignore_requests
    except KeyboardInterrupt:
        return 130
    heed_requests()
    # Nearly all that is imported and built stays until the end: Python looks for garbage among it
    # again and again on the way, and once more when it ends.
    gc.set_threshold(100_000)
    # pydantic would read the metadata of every installed package to find plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        return main()
    finally:
        ignore_requests()
        gc.freeze()
        if "adaptergen.verify.process" in sys.modules:
            sys.modules["adaptergen.verify.process"].end_all()


if __name__ == "__main__":
    raise SystemExit(run())
