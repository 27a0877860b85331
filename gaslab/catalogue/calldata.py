"""Input: how it is encoded, and what reading it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from eth_abi.abi import encode

from gaslab.catalogue.driving import one_call
from gaslab.experiment import Experiment, Technique, Variant

LAB = Path(__file__).parents[2] / "contracts/lab"

BASE_PRICE = 64_250_000_000  # six decimals


class Fill(NamedTuple):
    """As the contracts' struct: fields in the order of the ABI."""

    maker: bytes
    taker: bytes
    price: int
    quantity: int


class Message(NamedTuple):
    """As the struct of FixedLayout.sol."""

    kind: int
    market: int
    price: int
    quantity: int


# --- inputs ---------------------------------------------------------------------------------------


def fills(n: int, parties: int = 16, seed: str = "fills") -> list[Fill]:
    """Fills between a few parties, at prices close to each other."""
    random = Random(seed)
    addresses = [random.randbytes(20) for _ in range(parties)]
    batch = []
    for _ in range(n):
        maker, taker = random.sample(addresses, 2)
        price, quantity = BASE_PRICE + random.randrange(1 << 16), random.randrange(1, 1 << 40)
        batch.append(Fill(maker, taker, price, quantity))
    return batch


def messages(n: int) -> list[Message]:
    """Messages about a few markets, at prices close to each other."""
    random = Random("messages")
    return [
        Message(
            random.randrange(1, 4),
            random.randrange(1, 64),
            BASE_PRICE + random.randrange(1 << 16),
            random.randrange(1, 1 << 40),
        )
        for _ in range(n)
    ]


def prices(n: int = 32) -> list[int]:
    """Prices close to each other."""
    random = Random("prices")
    return [BASE_PRICE + random.randrange(1 << 16) for _ in range(n)]


# --- encodings ------------------------------------------------------------------------------------


def _joined(*fields: tuple[int, int]) -> bytes:
    """Pairs of value and width in bytes, one after the other."""
    return b"".join(value.to_bytes(width, "big") for value, width in fields)


def full_records(batch: Sequence[Fill]) -> bytes:
    """56 bytes a fill."""
    return b"".join(
        one.maker + one.taker + _joined((one.price, 8), (one.quantity, 8)) for one in batch
    )


def parties_of(batch: Sequence[Fill]) -> list[bytes]:
    """Everyone in a batch, in the order of appearance."""
    return list(dict.fromkeys(party for one in batch for party in (one.maker, one.taker)))


def indexed_records(batch: Sequence[Fill]) -> tuple[bytes, bytes]:
    """A table of parties, and 20 bytes a fill."""
    table = parties_of(batch)
    records = (
        _joined(
            (table.index(one.maker), 2),
            (table.index(one.taker), 2),
            (one.price, 8),
            (one.quantity, 8),
        )
        for one in batch
    )
    return b"".join(table), b"".join(records)


def delta_records(batch: Sequence[Fill]) -> tuple[int, bytes, bytes]:
    """The least price, a table of parties, and 10 bytes a fill."""
    table = parties_of(batch)
    base = min((one.price for one in batch), default=0)
    records = (
        _joined(
            (table.index(one.maker), 1),
            (table.index(one.taker), 1),
            (one.price - base, 2),
            (one.quantity, 6),
        )
        for one in batch
    )
    return base, b"".join(table), b"".join(records)


def packed_message(one: Message) -> bytes:
    """21 bytes."""
    return _joined((one.kind, 1), (one.market, 4), (one.price, 8), (one.quantity, 8))


def price_words(found: Sequence[int]) -> list[int]:
    """Four prices a word, the first in the highest bits."""
    return [
        int.from_bytes(b"".join(one.to_bytes(8, "big") for one in found[at : at + 4]), "big")
        for at in range(0, len(found), 4)
    ]


# --- drivers --------------------------------------------------------------------------------------


def fill_arguments(contract: str, batch: Sequence[Fill]) -> tuple[Any, ...]:
    """A batch as a contract of ZeroCopy.sol or Dictionary.sol takes it."""
    match contract:
        case "RecordsBySlice" | "RecordsByWord" | "FullRecords":
            return (full_records(batch),)
        case "IndexedRecords" | "IndexedByWord":
            return indexed_records(batch)
        case "DeltaRecords" | "DeltaByWord":
            return delta_records(batch)
        case _:
            return (list(batch),)


def message_arguments(contract: str, batch: Sequence[Message]) -> tuple[Any, ...]:
    """A batch as a contract of FixedLayout.sol takes it."""
    match contract:
        case "NestedAbi":
            return ([encode(["uint8", "uint32", "uint64", "uint64"], one) for one in batch],)
        case "NestedPacked":
            return ([packed_message(one) for one in batch],)
        case "StaticAbi":
            return (list(batch),)
        case _:
            return (b"".join(map(packed_message, batch)),)


def price_arguments(contract: str, found: Sequence[int], passes: int) -> tuple[Any, ...]:
    """Prices as a contract of CalldataPasses.sol takes them."""
    return price_words(found) if contract == "PricesInWords" else list(found), passes


_drive_fills = one_call("checksum", lambda contract, n: fill_arguments(contract, fills(n)))
_drive_messages = one_call("checksum", lambda contract, n: message_arguments(contract, messages(n)))
_drive_passes = one_call("checksum", lambda contract, n: price_arguments(contract, prices(), n))


# --- the experiments ------------------------------------------------------------------------------

EXPERIMENTS = (
    Experiment(
        id="zero-copy",
        title="Reading a batch where it lies",
        techniques=(Technique.ZERO_COPY,),
        question="What does it cost to copy a batch to memory before reading it?",
        source=LAB / "ZeroCopy.sol",
        variants=(
            Variant("memory", "FillsInMemory", "The decoder copies all fills to memory first."),
            Variant("calldata", "FillsInCalldata", "References into calldata, checked when read."),
            Variant("words", "FillsByWord", "The same bytes, each word loaded by its offset."),
            Variant("slices", "RecordsBySlice", "Packed records of 56 bytes, cut out by slices."),
            Variant("records", "RecordsByWord", "The same records, three loads each."),
        ),
        sizes=(1, 8, 64, 128),
        unit="fill read",
        drive=_drive_fills,
        claim="Input read where it lies costs less than input that is copied to memory first, and "
        "packed records cost less again.",
        rule="CALLDATALOAD and MLOAD both cost 3, but a copy pays for its memory and for the "
        "decoder's loop. EIP-7623 then charges at least 10 a zero and 40 a non-zero byte.",
        pays="Where each item is read once or twice and execution, not calldata, decides the "
        "price: without a floor, or beside storage writes that lift the execution above it.",
        does_not_pay="Where the floor binds: how the words are read is then free, and only fewer "
        "bytes help.",
        readability="`calldata` for `memory` costs nothing. Records need a drawn layout, and reads "
        "by word must check by hand what the compiler's decoder checks.",
    ),
    Experiment(
        id="fixed-layout",
        title="Fixed offsets against dynamic encoding",
        techniques=(Technique.LAYOUT,),
        question="What do offsets, lengths and padding cost when every message has one shape?",
        source=LAB / "FixedLayout.sol",
        variants=(
            Variant("nested", "NestedAbi", "An array of byte strings, each an ABI encoding."),
            Variant("nested-packed", "NestedPacked", "An array of packed strings of 21 bytes."),
            Variant("static", "StaticAbi", "An array of structs with static fields only."),
            Variant("slices", "FixedBySlice", "One string; message i at 21 i, cut out by slices."),
            Variant("fixed", "FixedByWord", "The same string, one load a message."),
        ),
        sizes=(1, 8, 64),
        unit="message read",
        drive=_drive_messages,
        claim="If every message has its fields at known offsets, reading one is one load.",
        rule="The ABI spends a word each on the offset and the length of a dynamic element and "
        "pads each field to a word; its decoder checks all of them. CALLDATALOAD costs 3.",
        pays="Wherever messages have one shape: both the execution and the calldata floor fall.",
        does_not_pay="Where shapes must be able to change: a version has to say which offsets "
        "hold.",
        readability="A drawn layout; the schema is no longer in the ABI, so wallets and explorers "
        "show bytes.",
    ),
    Experiment(
        id="dictionary",
        title="Parties by index instead of by address",
        techniques=(Technique.LAYOUT, Technique.ZERO_COPY, Technique.L2_FEES),
        question="How many fills does it take until a table of addresses is cheaper than the "
        "addresses?",
        source=LAB / "Dictionary.sol",
        variants=(
            Variant("abi", "AbiFills", "The ABI's encoding: four words a fill."),
            Variant("records", "FullRecords", "56 bytes a fill, both addresses in full."),
            Variant("dictionary", "IndexedRecords", "A table of addresses, 20 bytes a fill."),
            Variant("words", "IndexedByWord", "The same bytes, read by offset in assembly."),
            Variant("delta", "DeltaRecords", "Prices as differences to a base: 10 bytes a fill."),
            Variant("delta-words", "DeltaByWord", "The same, read by offset in assembly."),
        ),
        sizes=(1, 2, 4, 16, 64, 128),
        unit="fill",
        drive=_drive_fills,
        claim="Parties that trade many times should be written once: a table of addresses, and "
        "fills that name their parties by their place in it.",
        rule="EIP-2028 charges 16 for a non-zero byte of calldata, EIP-7623 at least 40, the draft "
        "of Amsterdam 64: bytes left out are the one saving that no floor masks.",
        pays="As soon as parties recur, and on every layer 2 that pays for data.",
        does_not_pay="For a single fill, whose table costs more than it saves; nor if nobody "
        "trades twice. Once the bytes are few, the floor is low enough for the decoder's own cost "
        "to count.",
        readability="Two layouts to draw, an index to check, and an encoder at the client that "
        "must agree.",
    ),
    Experiment(
        id="calldata-passes",
        title="Reading an array many times",
        techniques=(Technique.ZERO_COPY,),
        question="After how many passes is a copy in memory cheaper than calldata?",
        source=LAB / "CalldataPasses.sol",
        variants=(
            Variant("calldata", "PricesInCalldata", "32 prices, read where they lie."),
            Variant("memory", "PricesInMemory", "Copied to memory first."),
            Variant("words", "PricesInWords", "Four prices a word, read where they lie."),
        ),
        sizes=(1, 4, 16),
        unit="pass over 32 prices",
        drive=_drive_passes,
        claim="An array that is read often should be copied to memory once.",
        rule="Each read of a narrow type from calldata is checked anew; the decoder checks a copy "
        "once. MLOAD and CALLDATALOAD both cost 3.",
        pays="From a few passes on; packed words make one load serve four prices.",
        does_not_pay="For a single pass: the copy and its memory cost more than the checks.",
        readability="None for `memory`. Packed words cost shifts.",
    ),
)
