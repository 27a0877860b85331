"""Writes `docs/reference/static-analysis.md`."""


def write() -> None:
    """Later."""
