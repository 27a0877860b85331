"""Golden vectors and their generator."""
