"""Which transformers the exceptions in specs are about: keys that are waived, known failures."""

import transformers

# Under older ones an exception may name what is not there yet.
_WRITTEN_FOR = (5, 24)


def exceptions_apply() -> bool:
    """Whether an exception that nothing needs is out of date."""
    major, minor = transformers.__version__.split(".")[:2]
    return (int(major), int(minor)) >= _WRITTEN_FOR
