"""What may stand in the fields of commands: no line, and no kernel, is ever asked for more."""

from typing import Any, Final

from matcher import commands as c
from matcher.errors import JournalError
from matcher.kernel.layout import FOREVER
from matcher.types import (
    BLOB_CHUNKS_MAX,
    CALLDATA_CHUNKS_MAX,
    KNOWN_ORDER_FLAGS,
    ORDER_ID_END,
    U24,
    U32,
    U56,
    U64,
    InstrumentKind,
    Order,
    OrderFlag,
    SelfTrade,
    SignedOrder,
    Transfer,
    Withdrawal,
)

_DEPOSITS_MAX: Final = U56  # atoms, of one account (Vault.sol)
_EXCLUSIVE: Final = OrderFlag.POST_ONLY | OrderFlag.IOC | OrderFlag.FOK
FLAGS: Final = frozenset(
    flags for flags in range(int(KNOWN_ORDER_FLAGS) + 1) if (flags & _EXCLUSIVE).bit_count() < 2
)

_ACCOUNT: Final = ("account", 0, U24)
_ID: Final = ("id", 0, ORDER_ID_END - 1)
_MARKET: Final = ("market", 0, 255)
_HOURS: Final = ("expiry", 0, U24)
_TIME_MAX: Final = FOREVER - 1
_RATE_MAX: Final = (1 << 31) - 1
_SECONDS: Final = ("expiry", 0, _TIME_MAX)
_AMOUNT: Final = ("amount", 0, U64)

# What may stand in the fields that are numbers: (field, least, most).
Widths = tuple[tuple[str, int, int], ...]
WIDTHS: Final[dict[type[Any], Widths]] = {
    c.Clock: (("time", 0, _TIME_MAX),),
    c.ChainBlock: (("number", 0, _TIME_MAX), ("time", 0, _TIME_MAX)),
    c.Redate: (("first_batch", 0, _TIME_MAX), ("built_at", 0, _TIME_MAX), ("mode", 0, 2)),
    c.OperatorNamed: (("operator", 0, _TIME_MAX),),
    c.BatchLimited: (("calldata", 1, CALLDATA_CHUNKS_MAX), ("blob", 1, BLOB_CHUNKS_MAX)),
    c.MarketListed: (_MARKET, ("tick_value", 1, U32), ("strike_value", 1, U32)),
    c.FeesSet: (
        _MARKET,
        ("old_taker", 0, _RATE_MAX),
        ("old_maker", -_RATE_MAX, _RATE_MAX),  # and no less than what the taker pays for
        ("new_taker", 0, _RATE_MAX),
        ("new_maker", -_RATE_MAX, _RATE_MAX),
        ("active_at", 0, _TIME_MAX),
    ),
    c.ExpiryOpened: (_MARKET, _HOURS, ("cap", 1, U56)),
    c.InstrumentListed: (
        ("instrument", 1, U24),
        _MARKET,
        ("kind", 0, max(InstrumentKind)),
        _HOURS,
        ("strike", 0, U24),
    ),
    c.PriceFixed: (_MARKET, _HOURS, ("price", 0, U56), ("fixed_at", 0, _TIME_MAX)),
    c.AccountOpened: (_ACCOUNT,),
    c.Deposited: (_ACCOUNT, ("deposited", 0, _DEPOSITS_MAX), ("at", 0, _TIME_MAX)),
    c.Asked: (_ACCOUNT, ("asks", 0, U24), ("at", 0, _TIME_MAX)),
    c.OrdersUntilSet: (_ACCOUNT, ("until", 0, _TIME_MAX)),
    c.KeySet: (_ACCOUNT, ("valid_from", 0, _TIME_MAX), ("valid_until", 0, _TIME_MAX)),
    c.PlaceOrder: (("self_trade", 0, max(SelfTrade)),),
    c.CancelOrder: (_ACCOUNT, _ID),
    c.CancelAll: (_ACCOUNT, ("instrument", 0, U32), _SECONDS),
    c.AmendDown: (_ACCOUNT, _ID, ("quantity", 0, U32)),
    Order: (_ACCOUNT, ("price", 0, U64), ("quantity", 1, U32), _ID, _SECONDS, ("flags", 0, 255)),
    Withdrawal: (_ACCOUNT, _AMOUNT, _ID, _SECONDS),
    Transfer: (("source", 0, U24), ("target", 0, U24), _AMOUNT, _ID, _SECONDS),
}


# How many bytes: (field, bytes).
_SIGNATURE: Final = (("signature", 65), ("digest", 32), ("signer", 20))
LENGTHS: Final[dict[type[Any], tuple[tuple[str, int], ...]]] = {
    c.ChainBlock: (("hash", 32),),
    c.AccountOpened: (("owner", 20),),
    c.KeySet: (("key", 20),),
    c.CancelOrder: (("signer", 20),),
    c.AmendDown: (("signer", 20),),
    c.CancelAll: (("signer", 20),),  # and a digest, or none
    c.WithdrawRequest: _SIGNATURE,
    c.TransferRequest: _SIGNATURE,
    SignedOrder: _SIGNATURE,
}
TEXT_MAX: Final = 255 * 64  # bytes of a name or a reason


def require_widths(command: c.Command) -> None:
    """Raise JournalError unless every field is within its width."""
    try:
        _require(command, type(command).__name__)
        match command:
            case c.PlaceOrder():
                _require(command.signed, "PlaceOrder.signed")
                _require(command.signed.order, "PlaceOrder.signed.order")
                _require_flags(command.signed.order.flags)
            case c.FeesSet():
                _require_rebate("old_maker", command.old_maker, command.old_taker)
                _require_rebate("new_maker", command.new_maker, command.new_taker)
            case c.WithdrawRequest() | c.TransferRequest():
                _require(command.message, f"{type(command).__name__}.message")
            case c.CancelAll(digest=digest) if len(digest) not in (0, 32):
                raise JournalError(f"CancelAll.digest: found {len(digest)} bytes, allowed 0 or 32")
            case c.MarketListed(name=text) | c.Halted(reason=text):
                _require_text(text, type(command).__name__)
    except (TypeError, AttributeError) as error:
        raise JournalError(f"{command!r:.200}: no command: {error}") from error


def _require_rebate(name: str, maker: int, taker: int) -> None:
    if maker < -taker:
        raise JournalError(f"FeesSet.{name}: found {maker}, allowed {-taker} to {_RATE_MAX}")


def _require(part: object, path: str) -> None:
    for name, least, most in WIDTHS.get(type(part), ()):
        value = getattr(part, name)
        if not isinstance(value, int) or not least <= value <= most:
            raise JournalError(f"{path}.{name}: found {value!r}, allowed {least} to {most}")
    for name, length in LENGTHS.get(type(part), ()):
        value = getattr(part, name)
        if not isinstance(value, bytes) or len(value) != length:
            raise JournalError(f"{path}.{name}: found {value!r:.80}, allowed {length} bytes")


def _require_flags(flags: int) -> None:
    if flags not in FLAGS:
        raise JournalError(
            f"PlaceOrder.signed.order.flags: found {flags}, allowed a sum of 1 (post-only),"
            " 2 (IOC), 4 (FOK), 8 (reduce-only), but one of the first three"
        )


def _require_text(text: str, path: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise JournalError(f"{path}: found {text!a:.80}: no UTF-8 text") from error
    if length > TEXT_MAX:
        raise JournalError(f"{path}: found a text of {length} bytes, allowed {TEXT_MAX}")
