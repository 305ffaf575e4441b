"""Is the adapter in a file right? It is if it agrees with HF in everything that its spec claims."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adaptergen.spec.load import LoadedSpec
from adaptergen.verify.record import Record
from adaptergen.verify.select import EVERYTHING, Selection
from adaptergen.verify.share import ALONE, Share

# Tiny models need no hub, and a look-up that cannot succeed retries for minutes.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def verify(
    loaded: LoadedSpec,
    module_path: str,
    overrides: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda line: None,
    select: Selection = EVERYTHING,
    with_variants: bool = False,
    mutants_from: Sequence[str] = (),
    code: str = "",
    share: Share = ALONE,
) -> Record:
    """Run the checks on the adapter in `module_path` against HF's own model.

    `overrides` are HF config keys on top of the spec's tiny config. `progress` gets a short line
    before each check, and `select` says which checks run. `with_variants` adds the sweep over
    configs one step away. With folders of templates in `mutants_from`, an adapter that passes is
    also broken in many ways, some by rendering wrong specs, and the checks must notice each.
    `code` is a folder whose modelling files define HF's class, if transformers has none; it is run.
    Of several processes that verify one adapter, each judges its `share` of the mutants, and only
    the first runs the checks on the adapter itself.
    Whatever the adapter does wrong, exceptions included, is in the record.

    Raises:
        Failure: if HF does not know an overridden config key, or a mutant that the spec lists as
            equivalent does not exist, or `code` defines no model.
        Unusable: if `select` names a check that does not exist.
    """
    # Imported late: whoever only reads or prints records needs no torch.
    from adaptergen.verify.battery import run

    changes = dict(overrides or {})
    return run(
        loaded, module_path, changes, progress, select, with_variants, mutants_from, code, share
    )
