import pytest

from matcher.errors import ProtocolError
from matcher.reference.orderfile import Signed, decode, encode
from matcher.types import Order, Transfer, Withdrawal

ORDER = Signed(Order(2, "BTC-26MAR27-1-C", True, 10, 5, 7, 99, 1), b"\x01" * 65)
TEXT = (
    '{"batch":4,"messages":[{"signature":"0x' + "01" * 65 + '","terms":{"account":"2","buy":true,'
    '"expiry":"99","flags":"1","id":"7","instrument":"BTC-26MAR27-1-C","price":"10",'
    '"quantity":"5"},"type":"Order"},{"signature":"0x","terms":{"amount":"5","expiry":"7",'
    '"from":"2","id":"6","to":"3"},"type":"Transfer"}],"version":1}'
)
MOVE = Signed(Transfer(2, 3, 5, 6, 7), b"")


def test_file_is_spelled_as_the_protocol_says_and_each_message_stands_once():
    resigned = Signed(ORDER.message, b"\x02" * 65)
    assert encode(4, [ORDER, MOVE, ORDER, resigned]) == TEXT.encode()
    assert decode(TEXT.encode()) == (4, [ORDER, MOVE])


def test_file_of_withdrawals_decodes_to_them():
    signed = Signed(Withdrawal(0, 1 << 63, 5, 6), b"\x03" * 64)
    assert decode(encode(1, [signed])) == (1, [signed])


@pytest.mark.parametrize(
    "spoiled",
    [
        TEXT + "\n",
        TEXT.replace(",", ", "),
        TEXT.replace('"2"', "2"),
        TEXT.replace('"2"', '"02"'),
        TEXT.replace("true", '"true"'),
        TEXT.replace('"version":1', '"version":2'),
        TEXT.replace("Transfer", "Report"),
        TEXT.replace('"to":"3"', '"target":"3"'),
        TEXT.replace('"id":"6",', ""),
        TEXT.replace("0x", "0X"),
        "[]",
        "{}",
        "",
        "\xff",
    ],
)
def test_file_in_another_spelling_is_refused(spoiled):
    with pytest.raises(ProtocolError, match="order file"):
        decode(spoiled.encode("latin-1"))
