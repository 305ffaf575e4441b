"""Imports what every verification needs: in seconds, and once for all of them where possible."""

import gc

# Python would look for garbage among all that is being imported, often: a fifth of the time.
gc.disable()

import adaptergen.verify.battery  # noqa: E402,F401

gc.freeze()
gc.enable()
