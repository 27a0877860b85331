"""The chain: contracts on it, its facts as commands, and batches to it."""
