"""All planted faults, by contract."""

from tests.mutants import (
    execution,
    margin,
    registry,
    roots,
    transition,
    unauthorized,
    vault,
    words,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *transition.MUTANTS,
    *execution.MUTANTS,
    *margin.MUTANTS,
    *unauthorized.MUTANTS,
    *roots.MUTANTS,
    *words.MUTANTS,
    *registry.MUTANTS,
    *vault.MUTANTS,
)
