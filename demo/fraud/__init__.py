"""The operator lies, and nobody loses anything: one story for each prover."""
