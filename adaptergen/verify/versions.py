"""The version of transformers that is installed, and those that specs are written for."""

from importlib.metadata import version

# Under older ones an exception may name what is not there yet.
_WRITTEN_FOR = "5.24"


def exceptions_apply() -> bool:
    """Whether an exception that nothing needs is out of date."""
    return not is_older_than(_WRITTEN_FOR)


def is_older_than(release: str) -> bool:
    """Whether the transformers installed precede a release such as 5.21."""
    return _parts(version("transformers")) < _parts(release)


def _parts(release: str) -> tuple[int, int]:
    major, minor = release.split(".")[:2]
    return int(major), int(minor)
