"""Selection of checks: all, or those that the user names."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from adaptergen.errors import Unusable, did_you_mean

if TYPE_CHECKING:
    from adaptergen.verify.check import Check


@dataclass(frozen=True)
class Selection:
    """Patterns of check names or groups: without `only` every check runs, but those of `skip`."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def of(self, checks: "Sequence[Check]") -> "list[Check]":
        """The checks chosen, in their order.

        Raises:
            Unusable: if a pattern matches no check, or none is left.
        """
        names = {name for check in checks for name in (check.name, check.group)}
        for pattern in (*self.only, *self.skip):
            if not any(fnmatchcase(name, pattern) for name in names):
                hint = did_you_mean(pattern, names) or "`adaptergen verify --list-checks` lists all"
                raise Unusable(f"no check or group of checks matches '{pattern}'", hint)
        wanted = [check for check in checks if not self.only or _matches(check, self.only)]
        chosen = [check for check in wanted if not _matches(check, self.skip)]
        if not chosen:
            raise Unusable("no check is left to run")
        return chosen


EVERYTHING = Selection()


def _matches(check: "Check", patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) for p in patterns for name in (check.name, check.group))
