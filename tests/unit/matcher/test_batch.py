"""The order file is the model's, byte for byte."""

import pytest

from matcher.batch import SignedMessage, order_file
from matcher.reference import orderfile
from matcher.types import U24, U32, U40, U64, Order, OrderFlag, Transfer, Withdrawal

MESSAGES = [
    Order(2, "BTC-26MAR27-100000-C", True, 5_000, 3, 7, 1_800_000_000, 0),
    Order(2, "BTC-26MAR27-100000-C", False, 5_000, 3, 7, 1_800_000_000, 0),
    Order(U24, 'quoted " \\ \n \x1f \u00e9', False, U64, U32, 1 << 47, U40, OrderFlag.POST_ONLY),
    Withdrawal(3, 10**12, 9, 0),
    Transfer(3, 4, 1, 10, U40),
    Order(2, "BTC-26MAR27-100000-C", True, 5_000, 3, 7, 1_800_000_000, 0),  # again
]


@pytest.mark.parametrize("count", range(len(MESSAGES) + 1))
def test_order_file_is_the_models(count: int) -> None:
    used = [(message, bytes([place]) * 65) for place, message in enumerate(MESSAGES[:count])]
    ours = order_file(12, [SignedMessage(message, sig, bytes(20)) for message, sig in used])
    assert ours == orderfile.encode(12, [orderfile.Signed(message, sig) for message, sig in used])
