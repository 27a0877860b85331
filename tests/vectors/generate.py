"""Golden vectors, made by the reference model, read by Python and Solidity tests.

``python -m tests.vectors.generate`` writes them, ``--check`` compares them with what stands there.
Deterministic: one seed per file. The format is in README.md.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Any

import coincurve

from matcher.errors import ProtocolError, SignatureError
from matcher.reference import fees, header, leaf, margin, messages, symbols, tree, words
from matcher.types import (
    CHUNK_OPS,
    CHUNK_WORDS,
    MAX_POSITIONS,
    ORDER_ID_END,
    PRODUCTION_WINDOWS,
    SLOTS,
    U24,
    U32,
    U40,
    U48,
    U56,
    U64,
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)

HERE = FilePath(__file__).parent
MAX_LOTS = (1 << 39) - 1
Json = Any


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def word_hex(word: int) -> str:
    return hexed(word.to_bytes(32, "big"))


def path_json(path: tree.Path) -> Json:
    return {"present": str(path.present), "siblings": [hexed(s) for s in path.siblings]}


def plain(value: Any) -> Json:
    """Integers as decimal strings, bytes as hex; booleans and strings as they are."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, bytes):
        return hexed(value)
    return str(int(value))


# --- words ---------------------------------------------------------------


def some(rng: random.Random, bits: int) -> int:
    """A number of a random width: small ones and wide ones alike."""
    return rng.getrandbits(rng.randint(1, bits))


def random_op(rng: random.Random, cls: type[words.AnyWord]) -> words.AnyWord:
    _, widths = words.LAYOUTS[words.KINDS[cls]]
    values = [some(rng, width) for width in widths]
    if cls is words.Fill:
        values[0] &= 1
    return cls(*values)


def word_json(op: words.AnyWord, name: str) -> Json:
    kind = words.KINDS[type(op)]
    return {
        "name": name,
        "kind": str(int(kind)),
        "op": kind.name,
        "fields": {key: str(value) for key, value in vars(op).items()},
        "word": word_hex(words.pack(op)),
    }


def make_words() -> Json:
    rng = random.Random("words")
    valid = []
    for cls in words.KINDS:
        _, widths = words.LAYOUTS[words.KINDS[cls]]
        least, most = [0] * len(widths), [(1 << width) - 1 for width in widths]
        if cls is words.Fill:
            most[0] = 1
        valid.append(word_json(cls(*least), "all zero"))
        valid.append(word_json(cls(*most), "all ones"))
        for position in range(len(widths)):
            alone = [*least]
            alone[position] = most[position]
            valid.append(word_json(cls(*alone), f"field {position} alone"))
        valid += [word_json(random_op(rng, cls), "random") for _ in range(5 if widths else 0)]
    bad = [
        ("a bit above 247", 1 << 248),
        ("all bits", (1 << 256) - 1),
        ("a bit above 247 of a FILL", words.pack(words.Fill(0, 2, 3, 1, 1, 1, 1, 1)) | 1 << 255),
        ("NOP with payload", 1),
        ("NOP with payload", 1 << 239),
        ("FILL with flag bit 1", words.pack(words.Fill(0, 2, 3, 1, 1, 1, 1, 1)) | 2 << 232),
        ("FILL with flag bit 7", words.pack(words.Fill(1, 2, 3, 1, 1, 1, 1, 1)) | 1 << 239),
        ("CREDIT with a reserved bit", words.pack(words.Credit(2, 5)) | 1 << 151),
        ("CREDIT with the lowest bit", words.pack(words.Credit(2, 5)) | 1),
        ("WITHDRAW with a reserved bit", words.pack(words.Withdraw(2, 5, 7)) | 1 << 103),
        ("SETTLE with a reserved bit", words.pack(words.Settle(2, 1, 9)) | 1 << 183),
        ("TRANSFER with a reserved bit", words.pack(words.Transfer(2, 3, 5, 7)) | 1 << 79),
        ("RELEASE with a reserved bit", words.pack(words.Release(2, 5, 1)) | 1 << 127),
        ("ROOT_HI with a reserved bit", words.pack(words.RootHi(5)) | 1 << 111),
        ("ROOT_LO with a reserved bit", words.pack(words.RootLo(5)) | 1),
        *(
            (f"unknown kind {kind:#04x}", kind << 240)
            for kind in (0x07, 0x0A, 0x0B, 0x10, 0x1F, 0x20, 0x80, 0xFD)
        ),
    ]
    malformed = []
    for reason, word in bad:
        try:
            words.unpack(word)
        except words.MalformedChunk:
            malformed.append({"reason": reason, "word": word_hex(word)})
        else:
            raise AssertionError(reason)
    return {"valid": valid, "malformed": malformed, "chunks": make_chunks(rng)}


def make_chunks(rng: random.Random) -> list[Json]:
    root = tree.keccak(b"some root")
    fill, credit = words.Fill(0, 2, 3, 1, 100, 5, 9, 8), words.Credit(2, 10)
    fees_out = words.Release(0, 5, 1)
    some_ops: list[words.Op] = [
        random_op(rng, rng.choice([words.Fill, words.Credit, words.Nop]))  # type: ignore[misc]
        for _ in range(CHUNK_OPS)
    ]
    whole = words.pack_chunk([fill, credit], root)
    cases: list[tuple[str, list[int]]] = [
        ("empty", words.pack_chunk([], root)),
        ("two ops", whole),
        ("a NOP between", words.pack_chunk([fill, words.Nop(), credit], root)),
        ("thirty ops", words.pack_chunk(some_ops, root)),
        ("zero root", words.pack_chunk([fill], bytes(32))),
        ("RELEASE of account 0 alone", words.pack_chunk([fees_out, credit], root)),
        (
            "RELEASE of account 2 beside a FILL",
            words.pack_chunk([fill, words.Release(2, 1, 1)], root),
        ),
        ("RELEASE of account 0 before a FILL", words.pack_chunk([fees_out, fill], root)),
        ("RELEASE of account 0 after a FILL", words.pack_chunk([fill, fees_out], root)),
        ("31 words", whole[:31]),
        ("33 words", [*whole, 0]),
        ("no words", []),
        ("roots swapped", [*whole[:30], whole[31], whole[30]]),
        ("a NOP for ROOT_LO", [*whole[:31], 0]),
        ("a NOP for ROOT_HI", [*whole[:30], 0, whole[31]]),
        ("a FILL for ROOT_HI", [*whole[:30], words.pack(fill), whole[31]]),
        ("ROOT_HI at word 0", [whole[30], *whole[1:]]),
        ("ROOT_LO at word 29", [*whole[:29], whole[31], *whole[30:]]),
        ("unknown kind at word 7", [*whole[:7], 0x0B << 240, *whole[8:]]),
        ("NOP with payload at word 29", [*whole[:29], 1, *whole[30:]]),
        ("a bit above 247 in ROOT_HI", [*whole[:30], whole[30] | 1 << 250, whole[31]]),
        ("a reserved bit in ROOT_LO", [*whole[:31], whole[31] | 1 << 3]),
    ]
    return [chunk_json(name, chunk) for name, chunk in cases]


def chunk_json(name: str, chunk: list[int]) -> Json:
    result: dict[str, Json] = {"name": name, "words": [word_hex(word) for word in chunk]}
    try:
        ops, root = words.unpack_chunk(chunk)
    except words.MalformedChunk as error:
        return result | {"malformed": True, "reason": str(error)}
    return result | {
        "malformed": False,
        "root": hexed(root),
        "ops": str(sum(not isinstance(op, words.Nop) for op in ops)),
    }


# --- leaves ---------------------------------------------------------------


def account_with(
    cash: int = 0,
    exited: int = 0,
    credited: int = 0,
    served: int = 0,
    positions: dict[int, int] | None = None,
    slots: dict[int, tuple[int, int]] | None = None,
) -> leaf.Account:
    account = leaf.Account(cash, exited, credited, served, dict(positions or {}))
    for number, (generation, filled) in (slots or {}).items():
        account.slots[number] = leaf.Slot(generation, filled)
    return account


def random_account(rng: random.Random) -> leaf.Account:
    positions = {
        rng.randint(1, U24): rng.choice((1, -1)) * (some(rng, 39) or 1)
        for _ in range(rng.randint(0, MAX_POSITIONS))
    }
    slots = {
        rng.randrange(SLOTS): (some(rng, 32), some(rng, 32)) for _ in range(rng.randint(0, 40))
    }
    cash = rng.choice((1, -1)) * some(rng, 62)
    return account_with(cash, some(rng, 64), some(rng, 56), some(rng, 24), positions, slots)


def make_leaves() -> Json:
    rng = random.Random("leaves")
    wide = {i + 1: (MAX_LOTS if i % 2 else -(1 << 39)) for i in range(MAX_POSITIONS)}
    cases = [
        ("empty", account_with()),
        ("one atom", account_with(cash=1)),
        ("minus one atom", account_with(cash=-1)),
        ("least cash", account_with(cash=-(1 << 63))),
        ("most of everything", account_with((1 << 63) - 1, U64, U56, U24)),
        ("exited alone", account_with(exited=1)),
        ("credited alone", account_with(credited=1)),
        ("served alone", account_with(served=1)),
        ("slot 0 alone", account_with(slots={0: (0, 1)})),
        ("slot 4095 alone, full", account_with(slots={4095: (U32, U32)})),
        ("one word of slots", account_with(slots={4 + i: (i + 1, 10 * i) for i in range(4)})),
        ("last instrument, short", account_with(positions={U24: -1})),
        *(
            (f"{n} positions", account_with(5, positions={3 * i + 1: i + 1 for i in range(n)}))
            for n in (1, 2, 3, 4, 5, 31)
        ),
        ("32 positions at the edges", account_with(-7, 1, 2, 3, wide)),
        *((f"random {i}", random_account(rng)) for i in range(20)),
    ]
    return [leaf_json(name, account) for name, account in cases]


def leaf_json(name: str, account: leaf.Account) -> Json:
    used = sorted(account.slots.used)
    asked = sorted({*used[:2], *used[-1:], 0, 4095})
    return {
        "name": name,
        "cash": str(account.cash),
        "exited": str(account.exited),
        "credited": str(account.credited),
        "served": str(account.served),
        "positions": [
            {"instrument": str(i), "lots": str(lots)}
            for i, lots in sorted(account.positions.items())
        ],
        "slots": [
            {
                "slot": str(n),
                "generation": str(account.slots[n].generation),
                "filled": str(account.slots[n].filled),
            }
            for n in used
        ],
        "slotsRoot": hexed(account.slots.root()),
        "slotProofs": [
            {
                "slot": str(n),
                "word": word_hex(account.slots.word(n // 4)),
                **path_json(account.slots.tree.path(n // 4)),
            }
            for n in asked
        ],
        "words": [word_hex(word) for word in leaf.leaf_words(account)],
        "hash": hexed(leaf.account_hash(account)),
    }


# --- trees ---------------------------------------------------------------


def proofs_json(of: tree.Tree, indices: Iterable[int], root: bytes) -> list[Json]:
    result = []
    for index in indices:
        path, here = of.path(index), of.get(0, index)
        assert tree.root_from(here, index, path, of.depth) == root
        result.append({"index": str(index), "leaf": hexed(here), **path_json(path)})
    return result


def make_trees() -> Json:
    rng = random.Random("trees")
    shapes = {
        "empty": [],
        "account 0": [0],
        "last account": [U24],
        "first and last": [0, U24],
        "neighbors": [2, 3],
        "a few": [0, 2, 3, 4, 7, 8, 1000],
        "dense": [0, *range(2, 66)],
        "scattered": sorted(rng.sample(range(1 << 24), 50)),
    }
    account_trees = []
    for name, indices in shapes.items():
        built = tree.Tree(24)
        for index in indices:
            built.set(index, rng.randbytes(32))
        leaves = {i: built.get(0, i) for i in indices}
        root = tree.root_of(leaves, 24)
        asked = sorted({*indices[:4], *indices[-2:], 0, 1, 5, U24})
        account_trees.append(
            {
                "name": name,
                "depth": "24",
                "leaves": [{"index": str(i), "hash": hexed(h)} for i, h in leaves.items()],
                "root": hexed(root),
                "proofs": proofs_json(built, asked, root),
            }
        )
    return {"accountTrees": account_trees, "wordTrees": make_word_trees(rng)}


def make_word_trees(rng: random.Random) -> list[Json]:
    result = []
    for chunk_count in (1, 2, 3, 4, 5, 8, 9, 100):
        batch: list[int] = []
        for chunk in range(chunk_count):
            kinds = [words.Fill] * 6 + [words.Credit, words.Withdraw, words.Nop]
            ops = [random_op(rng, rng.choice(kinds)) for _ in range(CHUNK_OPS - chunk % 3)]
            batch += words.pack_chunk(ops, rng.randbytes(32))  # type: ignore[arg-type]
        built, root = tree.words_tree(batch), tree.words_root(batch)
        last = CHUNK_WORDS * chunk_count - 1
        result.append(
            {
                "chunkCount": str(chunk_count),
                "depth": str(built.depth),
                "words": [word_hex(word) for word in batch],
                "root": hexed(root),
                "proofs": proofs_json(built, sorted({0, 1, 29, 30, 31, last // 2, last}), root),
            }
        )
    return result


# --- headers ---------------------------------------------------------------


def header_json(name: str, which: header.Header, committed_at: int) -> Json:
    batch_hash = which.batch_hash()
    return {
        "name": name,
        "version": str(which.version),
        "operator": str(which.operator),
        "mode": str(which.mode),
        "id": str(which.id),
        "builtAt": str(which.built_at),
        "chunkCount": str(which.chunk_count),
        "info": word_hex(which.info()),
        "parent": hexed(which.parent),
        "chunksRoot": hexed(which.chunks_root),
        "stateRoot": hexed(which.state_root),
        "blobsHash": hexed(which.blobs_hash),
        "extra": hexed(which.extra),
        "encoded": hexed(which.encode()),
        "batchHash": hexed(batch_hash),
        "committedAt": str(committed_at),
        "ringWord": hexed(header.ring_word(batch_hash, committed_at)),
        "parentOfNext": hexed(header.parent_of(batch_hash)),
        "ringSlot": str(header.ring_slot(which.id)),
    }


def make_headers() -> Json:
    rng = random.Random("headers")
    ones = b"\xff" * 32
    result = []
    for deployed in (1_700_000_000, 1_800_000_007):
        start = header.genesis(deployed)
        committed = deployed - PRODUCTION_WINDOWS.final_after
        word = header.genesis_ring_word(deployed, PRODUCTION_WINDOWS)
        assert word == header.ring_word(start.batch_hash(), committed)
        result.append(header_json("genesis", start, committed))
    widest = header.Header(255, 65535, 255, U40, U40, 65535, ones, ones, ones, ones, ones)
    result.append(header_json("all ones", widest, U40))
    for place, (field, width) in enumerate(header.INFO_FIELDS):
        values = [0] * len(header.INFO_FIELDS)
        values[place] = (1 << width) - 1
        result.append(header_json(f"{field} alone", header.Header(*values), 0))
    parent = header.parent_of(header.genesis(1_700_000_000).batch_hash())
    for number in range(1, 6):
        made = header.Header(
            operator=rng.randint(0, 3),
            mode=number % 2,
            id=number + (1 << 14) * (number // 3),
            built_at=1_700_000_000 + 60 * number,
            chunk_count=rng.randint(1, 300),
            parent=parent,
            chunks_root=rng.randbytes(32),
            state_root=rng.randbytes(32),
            blobs_hash=rng.randbytes(32),
            extra=rng.randbytes(32),
        )
        result.append(header_json(f"chained {number}", made, made.built_at + rng.randint(1, 1800)))
        parent = header.parent_of(made.batch_hash())
    return result


# --- symbols ---------------------------------------------------------------


def hours(year: int, month: int, day: int) -> int:
    from datetime import UTC, datetime

    return int(datetime(year, month, day, 8, tzinfo=UTC).timestamp()) // 3600


def make_symbols() -> Json:
    rng = random.Random("symbols")
    cases = [
        ("BTC", 0, hours(2027, 3, 26), 100_000),
        ("BTC", 1, hours(2027, 3, 26), 100_000),
        ("ETH", 0, hours(2026, 1, 1), 0),
        ("AB", 1, hours(2028, 2, 29), 1),
        ("12345678", 0, hours(2099, 12, 31), U24),
        ("A1B2C3D4", 1, hours(2000, 1, 1), 10),
        ("26MAR27", 0, hours(2027, 3, 26), 26),
        *(("SOL", month % 2, hours(2030, month, 9 + month), 5 * month) for month in range(1, 13)),
        *(
            (
                "".join(rng.choices("ABCXYZ0189", k=rng.randint(2, 8))),
                rng.randint(0, 1),
                hours(2000, 1, 1) + 24 * rng.randint(0, 36_524),
                some(rng, 24),
            )
            for _ in range(60)
        ),
    ]
    valid = []
    for name, kind, expiry, strike in cases:
        text = symbols.symbol(name, kind, expiry, strike)
        assert symbols.parse(text) == (name, kind, expiry, strike)
        valid.append(
            {
                "name": name,
                "kind": str(kind),
                "expiry": str(expiry),
                "strike": str(strike),
                "symbol": text,
                "hash": hexed(tree.keccak(text.encode())),
            }
        )
    wrong = [
        *("", "BTC", "BTC-26MAR27-100000", "BTC-26MAR27-100000-F", "btc-26MAR27-1-C"),
        *("B-26MAR27-1-C", "BTCBTCBTC-26MAR27-1-C", "BTC-06MAR27-1-C", "BTC-0MAR27-1-C"),
        *("BTC-31FEB27-1-C", "BTC-29FEB27-1-C", "BTC-32MAR27-1-C", "BTC-26Mar27-1-C"),
        *("BTC-26MRZ27-1-C", "BTC-26MAR2027-1-C", "BTC-26MAR27-01-C", "BTC-26MAR27--1-C"),
        *("BTC-26MAR27-1-C ", " BTC-26MAR27-1-C", "BTC-26MAR27-16777216-C", "BTC-26MAR27-1-c"),
        *("BTC-26MAR27-1.0-C", "BTC-26MAR27-1-C\n", "BTC-２6MAR27-1-C"),
    ]
    for text in wrong:
        try:
            symbols.parse(text)
        except ProtocolError:
            continue
        raise AssertionError(text)
    return {"valid": valid, "invalidSymbols": wrong}


# --- digests ---------------------------------------------------------------

CONTRACT = bytes.fromhex("00112233445566778899aabbccddeeff00112233")


def compact(signature: bytes) -> bytes:
    """EIP-2098: the parity in the highest bit of s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


def sign(key: coincurve.PrivateKey, digest: bytes) -> bytes:
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def make_digests() -> Json:
    rng = random.Random("digests")
    listed = "BTC-26MAR27-100000-C"
    cases: list[Any] = [
        Order(2, listed, True, 1_000_000, 10, 1, 1_800_000_000, 0),
        Order(3, "ETH-1JAN26-0-P", False, 0, 1, ORDER_ID_END - 1, U40, 1),
        Order(U24, "12345678-31DEC99-16777215-C", True, U64, U64, U48, U40, 255),
        Order(0, "", False, 0, 0, 0, 0, 0),
        *(
            Order(2, listed, bool(i % 2), 5000 * i, i, 4096 * i, 10**9, 1 << i % 4)
            for i in range(6)
        ),
        Withdrawal(2, 123_456, 4097, 1_800_000_000),
        Withdrawal(U24, U64, U48, U40),
        Withdrawal(0, 0, 0, 0),
        Transfer(2, 3, 1, 2, 3),
        Transfer(U24, U24, U64, U48, U40),
        Report(1, hours(2027, 3, 26), 95_000_000_000),
        Report(255, U24, U64),
        CancelTerms(2, 77, 1_800_000_000),
        CancelTerms(U24, U48, U40),
        CancelAllTerms(2, listed, 1_800_000_000),
        CancelAllTerms(2, "", 1_800_000_000),
        AmendTerms(2, 77, 5, 1_800_000_000),
        AmendTerms(U24, U48, U64, U40),
    ]
    domains = [(31337, CONTRACT), (1, bytes(19) + b"\x01"), ((1 << 64) + 5, b"\xff" * 20)]
    made = []
    for number, message in enumerate(cases):
        chain_id, contract = domains[number % len(domains)]
        separator = messages.domain_separator(chain_id, contract)
        digest = messages.digest(message, separator)
        key = coincurve.PrivateKey(rng.randbytes(32))
        signature, signer = sign(key, digest), messages.address_of(key.public_key)
        assert messages.recover(digest, signature) == signer
        assert messages.recover(digest, compact(signature)) == signer
        made.append(
            {
                "type": messages.type_name(message),
                "terms": {name: plain(value) for name, value in messages.terms(message).items()},
                "chainId": str(chain_id),
                "verifyingContract": hexed(contract),
                "structHash": hexed(messages.struct_hash(message)),
                "digest": hexed(digest),
                "privateKey": hexed(key.secret),
                "signer": hexed(signer),
                "signature": hexed(signature),
                "compactSignature": hexed(compact(signature)),
            }
        )
    return {
        "domains": [
            {
                "chainId": str(chain_id),
                "verifyingContract": hexed(contract),
                "separator": hexed(messages.domain_separator(chain_id, contract)),
            }
            for chain_id, contract in domains
        ],
        "typeHashes": {
            text.split("(")[0]: hexed(tree.keccak(text.encode()))
            for text in (messages.DOMAIN, *messages.TYPES.values())
        },
        "messages": made,
        "badSignatures": make_bad_signatures(rng),
    }


def make_bad_signatures(rng: random.Random) -> list[Json]:
    digest = tree.keccak(b"a digest")
    good = sign(coincurve.PrivateKey(rng.randbytes(32)), digest)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    mirrored = (messages.CURVE_ORDER - s).to_bytes(32, "big")
    order, zero = messages.CURVE_ORDER.to_bytes(32, "big"), bytes(32)
    off_curve = next(
        x.to_bytes(32, "big") for x in range(1, 100) if not recovers(digest, x.to_bytes(32, "big"))
    )
    cases = [
        ("high s", r + mirrored + bytes([55 - v])),
        ("s one above half", r + (messages.CURVE_ORDER // 2 + 1).to_bytes(32, "big") + b"\x1b"),
        ("v 26", good[:64] + b"\x1a"),
        ("v 29", good[:64] + b"\x1d"),
        ("v 0", good[:64] + bytes([v - 27])),
        ("r zero", zero + good[32:]),
        ("s zero", r + zero + good[64:]),
        ("all zero but v", zero + zero + b"\x1b"),
        ("r the curve's order", order + good[32:]),
        ("s the curve's order", r + order + good[64:]),
        ("r of no point", off_curve + good[32:]),
        ("compact, r of no point", off_curve + compact(good)[32:]),
        ("compact, high s", r + ((1 << 255) - 1).to_bytes(32, "big")),
        ("compact, all zero", bytes(64)),
        ("63 bytes", good[:63]),
        ("66 bytes", good + b"\x00"),
        ("empty", b""),
    ]
    result = []
    for reason, signature in cases:
        try:
            messages.recover(digest, signature)
        except SignatureError:
            result.append(
                {"reason": reason, "digest": hexed(digest), "signature": hexed(signature)}
            )
        else:
            raise AssertionError(reason)
    return result


def recovers(digest: bytes, r: bytes) -> bool:
    try:
        messages.recover(digest, r + (1).to_bytes(32, "big") + b"\x1b")
    except SignatureError:
        return False
    return True


# --- payoffs, fees, worst ---------------------------------------------------------------


def make_payoffs() -> Json:
    rng = random.Random("payoffs")
    strike_most, value_most = U24, U32
    cases = [
        (kind, strike, strike_value, cap, price)
        for kind in (0, 1)
        for strike, strike_value, cap in ((0, 1, 1), (100, 10, 5000), (strike_most, 1, U56))
        for price in (0, 1, strike * strike_value, strike * strike_value + 1, cap, cap + 1, U64)
    ]
    cases += [(kind, strike_most, value_most, U56, price) for kind in (0, 1) for price in (0, U64)]
    for _ in range(60):
        cap = some(rng, 56) or 1
        cases.append(
            (rng.randint(0, 1), some(rng, 24), some(rng, 24), cap, rng.randint(0, 2 * cap))
        )
    return [
        {
            "kind": str(kind),
            "strike": str(strike),
            "strikeValue": str(strike_value),
            "cap": str(cap),
            "price": str(price),
            "payoff": str(margin.payoff(kind, strike * strike_value, price, cap)),
        }
        for kind, strike, strike_value, cap, price in cases
    ]


def make_fees() -> Json:
    rng = random.Random("fees")
    top = (1 << 31) - 1
    cases = [
        (rate, lots, value)
        for rate in (0, 1, -1, top, -top - 1)
        for lots in (1, U32)
        for value in (0, 1, 7, 8, 9, (1 << 62) - 1)
    ]
    cases += [
        (rng.choice((1, -1)) * some(rng, 31), some(rng, 32), some(rng, 62)) for _ in range(60)
    ]
    return [
        {"rate": str(r), "lots": str(lots), "notional": str(n), "fee": str(fees.fee(r, lots, n))}
        for r, lots, n in cases
    ]


def make_worst() -> Json:
    rng = random.Random("worst")
    return [worst_json(rng, name, shape) for name, shape in WORST_SHAPES.items()]


# name -> (expiries, instruments per expiry, positions, share of fixed prices in percent)
WORST_SHAPES: dict[str, tuple[int, int, int, int]] = {
    "no position": (1, 1, 0, 0),
    "one position": (1, 1, 1, 0),
    "one position, price fixed": (1, 1, 1, 100),
    **{f"one expiry, {n} positions": (1, 32, n, 0) for n in (2, 5, 16, 32)},
    **{f"32 positions, {n} expiries": (n, 32, 32, 30) for n in (2, 5, 16, 32)},
    **{f"mixed {n}": (1 + n % 6, 8, n % 20 + 1, 10 * (n % 5)) for n in range(40)},
}


def worst_json(rng: random.Random, name: str, shape: tuple[int, int, int, int]) -> Json:
    expiry_count, per_expiry, position_count, fixed_share = shape
    markets = {1: rng.randint(1, 1000), 2: rng.randint(1, 1000)}  # strikeValue
    expiries = [(1 + i % 2, 500_000 + 24 * (i // 2)) for i in range(expiry_count)]
    caps = {key: rng.choice((1, some(rng, 20) + 1, some(rng, 40) + 1)) for key in expiries}
    fixed = {k: rng.randint(0, caps[k]) for k in expiries if rng.randint(1, 100) <= fixed_share}
    instruments = {}
    for key in expiries:
        for _ in range(per_expiry):
            # strike 0, and strikes up to the last one below the cap
            top = min((caps[key] - 1) // markets[key[0]], U24)
            strike = rng.choice((0, top, rng.randint(0, top), rng.randint(0, top)))
            instruments[len(instruments) + 1] = (*key, rng.randint(0, 1), strike)
    held = sorted(rng.sample(sorted(instruments), min(position_count, len(instruments))))
    positions = {
        index: rng.choice((1, -1))
        * rng.randint(1, max(1, min(MAX_LOTS, (1 << 57) // caps[instruments[index][:2]])))
        for index in held
    }
    cash = rng.choice((0, 1, -1)) * some(rng, 62)
    legs = [
        (margin.Option(m, e, kind, strike * markets[m]), positions[index])
        for index, (m, e, kind, strike) in instruments.items()
        if index in positions
    ]
    return {
        "name": name,
        "cash": str(cash),
        "markets": [{"market": str(m), "strikeValue": str(v)} for m, v in markets.items()],
        "expiries": [
            {
                "market": str(m),
                "expiry": str(e),
                "cap": str(caps[m, e]),
                "fixed": (m, e) in fixed,
                "price": str(fixed.get((m, e), 0)),
            }
            for m, e in expiries
        ],
        "instruments": [
            {
                "instrument": str(i),
                "market": str(m),
                "kind": str(k),
                "expiry": str(e),
                "strike": str(s),
            }
            for i, (m, e, k, s) in instruments.items()
            if i in positions
        ],
        "positions": [{"instrument": str(i), "lots": str(n)} for i, n in sorted(positions.items())],
        "worst": str(margin.worst(cash, legs, caps, fixed)),
    }


FILES: dict[str, Callable[[], Json]] = {
    "words": make_words,
    "leaves": make_leaves,
    "trees": make_trees,
    "headers": make_headers,
    "symbols": make_symbols,
    "digests": make_digests,
    "payoffs": make_payoffs,
    "fees": make_fees,
    "worst": make_worst,
}


def render(name: str) -> str:
    """Text of one file."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True) + "\n"


def differing() -> list[str]:
    """Files that are not what the model says."""
    names = []
    for name in FILES:
        target = HERE / f"{name}.json"
        if not target.exists() or target.read_text() != render(name):
            names.append(name)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        different = differing()
        if different:
            sys.exit(f"vectors differ from the model: {', '.join(different)}")
        return
    for name in FILES:
        (HERE / f"{name}.json").write_text(render(name))


if __name__ == "__main__":
    main()
