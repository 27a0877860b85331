"""How a lie gets into the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.decree import Fault
from tests.support.liar import Liar, Lie

Telling = Callable[[Liar], None]


class Table:
    """Lies of one kind, by decorator; a lie's name is its function's."""

    def __init__(self) -> None:
        self.lies: list[Lie] = []

    def lie(
        self,
        fault: Fault,
        chunk: int = 0,
        place: int | None = None,
        *,
        side: int = 0,
        account: int | None = None,
    ) -> Callable[[Telling], Telling]:
        """The function makes one lie of an honest operator, convicted so and there."""

        def add(tell: Telling) -> Telling:
            self.add(tell.__name__, tell, fault, chunk, place, side, account)
            return tell

        return add

    def add(
        self,
        name: str,
        tell: Telling,
        fault: Fault,
        chunk: int = 0,
        place: int | None = None,
        side: int = 0,
        account: int | None = None,
    ) -> None:
        assert all(lie.name != name for lie in self.lies), name
        self.lies.append(Lie(name, tell, fault, chunk, place, side, account))
