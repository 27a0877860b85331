"""Quoin: the off-chain half of an options exchange that nobody has to trust."""
