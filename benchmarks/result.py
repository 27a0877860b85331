"""What every benchmark answers: one measured figure, and the other's in the same run."""

from typing import NamedTuple


class Result(NamedTuple):
    """One figure.

    Attributes
    ----------
    benchmark, case : str
        What was measured, and in which circumstances.
    quoin : float
        Ours: the median.
    other : float or None
        The alternative's median in the same interleaved run; None where there is none.
    unit : str
        Such as "commands/s", "us", "bytes". More is better unless it is a time or bytes.
    other_name : str
        What the alternative is, with its version.
    n : int
        Rounds, or samples of a latency.
    detail : dict
        Percentiles, sizes, seed: whatever a reader needs to judge the figure.
    """

    benchmark: str
    case: str
    quoin: float
    other: float | None
    unit: str
    other_name: str
    n: int
    detail: dict[str, float | int | str]
