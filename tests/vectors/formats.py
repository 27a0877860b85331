"""Vectors of words, leaves, trees and headers."""

import random
from collections.abc import Iterable

from matcher.reference import header, leaf, tree, words
from matcher.types import (
    CHUNK_OPS,
    CHUNK_WORDS,
    MAX_POSITIONS,
    PRODUCTION_WINDOWS,
    SLOTS,
    U24,
    U32,
    U40,
    U56,
    U64,
)
from tests.vectors.spelling import Json, hexed, path_json, some, word_hex

MAX_LOTS = (1 << 39) - 1


# --- words ---------------------------------------------------------------


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
