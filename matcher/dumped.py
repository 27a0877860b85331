"""What exchanges of either kind put into a snapshot: facts, the halt, and the kernel's memory."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher.board import Board
from matcher.kernel.exchange import Matching
from matcher.lines import Decoder, Encoder, split
from matcher.names import Names

Parts = Mapping[str, NDArray[Any] | bytes]

_OWN: Final = ("facts", "signed", "halted")  # the rest is the kernel's


def dump_board(board: Board, names: Names, encoder: Encoder) -> dict[str, NDArray[Any] | bytes]:
    """Everything but signed orders."""
    facts = b"".join(map(encoder.encode, list(names.facts())))
    halted = b"" if board.halted is None else b"h" + board.halted.encode()
    return {"facts": facts, "halted": halted, **board.kernel.dump()}


def load_board(board: Board, decoder: Decoder, parts: Parts) -> None:
    """Become what was dumped; the exchange is a new one."""
    rest = {name: np.asarray(part) for name, part in parts.items() if name not in _OWN}
    board.kernel = Matching.load(rest, board.kernel.limits)
    for lines in split(bytes(parts["facts"])):
        decoder.observe(lines)
    board.listings.waiting = {
        (int(x["market"]), int(x["expiry"]))
        for x in board.records("series")[1 : board.number("series_count") + 1]
        if x["fixed"] and not x["settled"]
    }
    halted = bytes(parts["halted"])
    board.halted = halted[1:].decode() if halted else None
