"""All planted faults, by contract."""

from tests.mutants import judges, provers, registry, roots, vault, words
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *provers.MUTANTS,
    *judges.MUTANTS,
    *roots.MUTANTS,
    *words.MUTANTS,
    *registry.MUTANTS,
    *vault.MUTANTS,
)
