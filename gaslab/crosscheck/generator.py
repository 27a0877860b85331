"""Random scenarios, by seed alone.

Each scenario is a small world, a handful of contracts that call each other, and `SENDERS`
transactions of as many senders: so that one which is refused does not keep the next from running.
The last stands on an edge (`gaslab.crosscheck.edges`).
A scenario depends on its fork's name and its seed, never on a price, so the same transactions run
under a schedule with one price changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

import rlp
from eth_keys.datatypes import PrivateKey
from sha3 import keccak_256

from gaslab.crosscheck.edges import Edge, edges
from gaslab.crosscheck.inputs import BY_FORK, POINT_EVALUATION, precompile_input
from gaslab.crosscheck.programs import (
    SLOTS,
    Program,
    Surroundings,
    program,
    uniform,
)
from gaslab.crosscheck.scenario import Genesis, Scenario, Sent
from gaslab.evm.envelope import Authorization, authorize, sign
from gaslab.measurement import Slot

CHAIN_ID = 31337
SENDERS = 8  # and transactions of a scenario
AUTHORITIES = 4
CONTRACTS = 4
START = 1_800_000_000
COINBASE = bytes.fromhex("c0") * 20
BASE_FEE = 7
BLOCK_GAS = {
    "cancun": 30_000_000,
    "prague": 36_000_000,
    "osaka": 60_000_000,
    "amsterdam-draft": 60_000_000,
}
# What ethereumjs's draft executes and the lab's does not price: SLOTNUM, DUPN, SWAPN, EXCHANGE.
UNPRICED = {"amsterdam-draft": (0x4B, 0xE6, 0xE7, 0xE8)}

# What an engine cannot be asked, by name, and the engines' own lists.
BLOBS, POINT = "blobs", "point evaluation"
FRESH_AUTHORITY, PAID_PRECOMPILE = "fresh authority", "paid precompile"
CANNOT: dict[str, frozenset[str]] = {
    "eels": frozenset(),
    # It verifies no point evaluation without a trusted setup that it does not bring along. And on
    # Amsterdam, when a pairing is refused its input, it takes the halt for a revert and gives back
    # the state gas of the account that the transaction's value would have made.
    "ethereumjs": frozenset({POINT, PAID_PRECOMPILE}),
    # It takes blob transactions only with their blobs; and it charges wrongly where an
    # authorization's authority did not exist before.
    "anvil": frozenset({BLOBS, FRESH_AUTHORITY}),
}


@lru_cache(maxsize=64)
def key(role: str, index: int) -> PrivateKey:
    """Of somebody who plays a role; the same in every scenario."""
    return PrivateKey(keccak_256(f"crosscheck {role} {index}".encode()).digest())


@lru_cache(maxsize=64)
def address(role: str, index: int) -> bytes:
    """Of the same."""
    found: bytes = key(role, index).public_key.to_canonical_address()
    return found


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


CONTRACT = tuple(address("contract", i) for i in range(CONTRACTS + 1))  # the last: uniform bytes
EDGE = address("edge", 0)
ABSENT = tuple(address("absent", i) for i in range(3))
DELEGATED = address("delegated", 0)  # its code points at the first contract


@dataclass
class _World:
    """What the transactions of a scenario may refer to."""

    rng: Random
    fork: str
    without: frozenset[str]
    accounts: tuple[bytes, ...] = field(init=False)
    precompiles: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.precompiles = BY_FORK[self.fork]
        self.accounts = (
            *CONTRACT,
            *ABSENT,
            DELEGATED,
            COINBASE,
            address("sender", 0),
            address("sender", 1),
            *(address("authority", i) for i in range(AUTHORITIES)),
            *((number).to_bytes(20, "big") for number in (1, 2, 4, 9)),
        )

    @property
    def set_code(self) -> bool:
        return self.fork != "cancun"

    def around(self, callees: tuple[bytes, ...]) -> Surroundings:
        return Surroundings(
            accounts=tuple(map(_number, self.accounts)),
            callees=tuple(map(_number, callees)),
            precompiles=self.precompiles,
            count_zeros=self.fork in ("osaka", "amsterdam-draft"),
        )


def scenario(fork: str, seed: int, without: frozenset[str] = frozenset()) -> Scenario:
    """A random world and its transactions.

    Parameters
    ----------
    fork : str
    seed : int
    without : frozenset of str
        What must not occur (see `CANNOT`).
    """
    world = _World(Random(f"{fork} {seed}"), fork, without)
    edge = _edge(fork, seed, without)
    alloc = _genesis(world)
    if edge.code:
        alloc[EDGE] = Genesis(0, 1, edge.code, dict.fromkeys(range(edge.slots), 1))
    raws = [_transaction(world, i) for i in range(SENDERS - 1)]
    raws.append(_edge_transaction(edge))
    sent = tuple(
        Sent(
            raw=raw,
            number=i + 1,
            timestamp=START + 12 * i,
            coinbase=COINBASE,
            prevrandao=keccak_256(bytes([i])).digest(),
            base_fee=BASE_FEE,
            gas_limit=BLOCK_GAS[fork],
            label=f"seed {seed}, transaction {i}",
        )
        for i, raw in enumerate(raws)
    )
    name = f"random {fork} {seed}"
    return Scenario(name, fork, CHAIN_ID, alloc, sent, frozenset(_watched()))


def _watched() -> list[Slot]:
    holders = (*CONTRACT, EDGE, DELEGATED, *(address("authority", i) for i in range(AUTHORITIES)))
    return [(holder, slot) for holder in holders for slot in range(SLOTS)]


# --- the world --------------------------------------------------------------------------------


def _genesis(world: _World) -> dict[bytes, Genesis]:
    rng = world.rng
    alloc = {address("sender", i): Genesis(balance=10**24) for i in range(SENDERS)}
    alloc[COINBASE] = Genesis(balance=1)
    for i, holder in enumerate(CONTRACT):
        code = (
            program(rng, world.around(CONTRACT[i + 1 :]), rng.randrange(4, 26))
            if i < CONTRACTS
            else uniform(rng, rng.randrange(10, 90), UNPRICED.get(world.fork, ()))
        )
        alloc[holder] = Genesis(rng.choice((0, 10**20)), 1, code, _storage(rng))
    for i in range(2):  # the others are fresh: they do not exist
        alloc[address("authority", i)] = Genesis(balance=10**18, nonce=i)
    if world.set_code:
        pointer = b"\xef\x01\x00" + CONTRACT[0]
        alloc[DELEGATED] = Genesis(10**18, 1, pointer, _storage(rng))
        if FRESH_AUTHORITY in world.without:
            alloc |= {address("authority", i): Genesis(balance=1) for i in (2, 3)}
    return alloc


def _storage(rng: Random) -> dict[int, int]:
    return {slot: rng.randrange(1, 4) for slot in range(SLOTS) if rng.random() < 0.5}


# --- edges ------------------------------------------------------------------------------------


def _edge(fork: str, seed: int, without: frozenset[str]) -> Edge:
    """The edge whose turn it is."""
    allowed = [
        edge
        for edge in edges(fork)
        if not (edge.blobs and BLOBS in without)
        and not (edge.to == POINT_EVALUATION and POINT in without)
    ]
    return allowed[seed % len(allowed)]


def _edge_transaction(edge: Edge) -> bytes:
    to = EDGE if edge.code else b"" if edge.to is None else edge.to.to_bytes(20, "big")
    fields: list[Any] = [CHAIN_ID, 0, 0, BASE_FEE + 3, edge.gas, to, 0, edge.data, []]
    if not edge.blobs:
        return _signed(SENDERS - 1, 2, fields)
    hashes = [b"\x01" + bytes([i]) * 31 for i in range(edge.blobs)]
    return _signed(SENDERS - 1, 3, [*fields, 1, hashes])


# --- transactions -----------------------------------------------------------------------------


def _transaction(world: _World, index: int) -> bytes:
    rng = world.rng
    kind = rng.choices((0, 1, 2, 3, 4), (20, 25, 35, 5, 15))[0]
    if (kind == 3 and BLOBS in world.without) or (kind == 4 and not world.set_code):
        kind = 2
    to, data = _target(world, creates=kind < 3)
    if to and rng.random() < 0.05:
        to = address("sender", index)  # to oneself
    value = rng.choice((0, 0, 1, 10**9)) if rng.random() < 0.5 else 0
    if PAID_PRECOMPILE in world.without and 0 < _number(to) <= 0x100:
        value = 0
    gas = _gas_limit(rng, world.fork, len(data), creates=not to)
    nonce = 0 if rng.random() < 0.99 else 1
    envelope = [gas, to, value, data]
    if kind == 0:
        return _signed_legacy(index, [nonce, BASE_FEE + rng.randrange(3), *envelope])
    fees = [BASE_FEE + 1] if kind == 1 else [rng.randrange(3), BASE_FEE + 3]
    fields: list[Any] = [CHAIN_ID, nonce, *fees, *envelope, _access_list(world)]
    if kind == 3:
        hashes = [b"\x01" + rng.randbytes(31) for _ in range(rng.randrange(1, 4))]
        fields += [rng.randrange(1, 4), hashes]
    if kind == 4:
        fields.append(_authorizations(world, index))
    return _signed(index, kind, fields)


def _target(world: _World, *, creates: bool) -> tuple[bytes, bytes]:
    """Whom the transaction goes to, nobody for a creation, and what it says."""
    rng = world.rng
    kind = rng.random()
    if creates and kind < 0.12:
        return b"", _initcode(world)
    if kind < 0.8:
        weights = (6, 3, 2, 2, 3)  # the first calls the most; the last is uniform bytes
        return rng.choices(CONTRACT, weights)[0], _calldata(rng)
    if kind < 0.86 and world.set_code:
        return DELEGATED, _calldata(rng)
    if kind < 0.9:
        return _wanted_precompile(world)
    return rng.choice(world.accounts), _calldata(rng)


def _wanted_precompile(world: _World) -> tuple[bytes, bytes]:
    numbers = set(world.precompiles)
    if POINT not in world.without and world.rng.random() < 0.05:
        numbers = {POINT_EVALUATION}
    number = world.rng.choice(sorted(numbers))
    return number.to_bytes(20, "big"), precompile_input(world.rng, number)


def _initcode(world: _World) -> bytes:
    rng = world.rng
    kind = rng.random()
    if kind < 0.2:
        return uniform(rng, rng.randrange(60), UNPRICED.get(world.fork, ()))
    if kind < 0.5:
        return program(rng, world.around(CONTRACT[1:]), rng.randrange(1, 14), nesting=1)
    inner = Program(rng, world.around(CONTRACT[1:]), nesting=1)
    inner.moves(rng.randrange(5))
    inner.data(program(rng, world.around(CONTRACT[2:]), rng.randrange(5), nesting=1), 0)
    inner.push(rng.randrange(120))
    inner.push(0)
    inner.op("RETURN", 2)
    return inner.finish()


def _calldata(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.2:
        size = 0
    elif kind < 0.7:
        size = rng.randrange(1, 100)
    elif kind < 0.95:
        size = rng.randrange(100, 600)
    else:
        size = rng.randrange(600, 4_000)
    zeros = rng.choice((0.0, 0.3, 0.7, 1.0))
    return bytes(0 if rng.random() < zeros else byte for byte in rng.randbytes(size))


def _gas_limit(rng: Random, fork: str, size: int, *, creates: bool) -> int:
    """From what may not even be taken into a block to plenty."""
    kind = rng.random()
    least = 12_000 if fork == "amsterdam-draft" else 53_000 if creates else 21_000
    if kind < 0.06:
        return least + rng.randrange(1 + 40 * size + 6_000)
    if kind < 0.2:
        return least + 66 * size + rng.randrange(40_000)
    if kind < 0.5:
        return least + 66 * size + rng.randrange(400_000)
    if fork == "amsterdam-draft":  # above 2^24 it has gas for state growth apart
        return rng.choice((1_500_000, 4_000_000, 16_777_216, 17_000_000, 18_000_000, 40_000_000))
    return rng.choice((1_500_000, 4_000_000, 16_777_216, 16_777_217))


def _access_list(world: _World) -> list[list[Any]]:
    rng = world.rng
    if rng.random() < 0.6:
        return []
    return [
        [
            rng.choice((*CONTRACT, *world.accounts)),
            [rng.randrange(SLOTS + 1).to_bytes(32, "big") for _ in range(rng.choice((0, 1, 2, 4)))],
        ]
        for _ in range(rng.randrange(1, 4))
    ]


def _authorizations(world: _World, sender: int) -> list[list[Any]]:
    rng = world.rng
    found = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        who = rng.randrange(AUTHORITIES + 1)
        signer = key("authority", who) if who < AUTHORITIES else key("sender", sender)
        nonce = 1 if who in (1, AUTHORITIES) else 0
        one = authorize(
            signer,
            rng.choice((*CONTRACT, *CONTRACT, bytes(20), ABSENT[0], (4).to_bytes(20, "big"))),
            nonce=nonce + rng.choice((0, 0, 0, 0, 1)),
            chain_id=rng.choice((CHAIN_ID, CHAIN_ID, 0, 1 if rng.random() < 0.2 else 0)),
        )
        if rng.random() < 0.08 and FRESH_AUTHORITY not in world.without:
            one = _damaged(rng, one)
        found.append(one.fields)
    return found


def _damaged(rng: Random, one: Authorization) -> Authorization:
    """Signed by somebody else, or by nobody."""
    bad = rng.choice(((1 - one.y_parity, one.r, one.s), (one.y_parity, 5, one.s), (0, 0, 0)))
    return Authorization(one.chain_id, one.address, one.nonce, *bad)


def _signed_legacy(index: int, fields: list[Any]) -> bytes:
    digest = keccak_256(rlp.encode([*fields, CHAIN_ID, 0, 0])).digest()
    parity, r, s = sign(key("sender", index), digest)
    return bytes(rlp.encode([*fields, 35 + 2 * CHAIN_ID + parity, r, s]))


def _signed(index: int, kind: int, fields: list[Any]) -> bytes:
    head = bytes([kind])
    digest = keccak_256(head + rlp.encode(fields)).digest()
    return head + bytes(rlp.encode([*fields, *sign(key("sender", index), digest)]))
