"""Drivers that many experiments share."""

from collections.abc import Callable, Sequence
from typing import Any

from gaslab.bench import Bench
from gaslab.environment import Deployed
from gaslab.errors import Reverted


def one_call(
    function: str, arguments: Callable[[str, int], Sequence[Any]]
) -> Callable[[Bench, int], None]:
    """A driver that deploys, measures one call, and observes what it answers.

    Parameters
    ----------
    function : str
        Its name in every variant.
    arguments : callable
        ``arguments(contract, n)``: of the call, as the contract takes them.
    """

    def drive(bench: Bench, n: int) -> None:
        bench.deploy()
        bench.observe(
            "answer", bench.measure(function, *arguments(bench.variant.contract, n)).output
        )

    return drive


def refused(contract: Deployed, name: str, *args: Any) -> bool:
    """Whether a call fails."""
    try:
        contract.call(name, *args)
    except Reverted:
        return True
    return False
