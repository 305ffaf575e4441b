"""Adapters made wrong on purpose: whatever none of the checks notices is a hole in the battery."""

from adaptergen.verify.mutants.mutant import Mutant
from adaptergen.verify.mutants.run import mutants, run_mutants

__all__ = ["Mutant", "mutants", "run_mutants"]
