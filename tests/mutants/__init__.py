"""Planted faults in the contracts, and the tests that must notice them (`make mutants`)."""
