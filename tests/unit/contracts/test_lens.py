"""What a wallet reads without a server, on an exchange that trades, settles and freezes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from matcher.reference import messages, words
from matcher.reference.leaf import Slot
from matcher.reference.tree import words_tree
from matcher.types import OpKind, Order, Transfer, Withdrawal
from tests.support.chain import reverts
from tests.support.exchange import (
    CAP,
    EXPIRY,
    MARKET,
    NO_HEADER,
    TOKENS,
    Batch,
    Exchange,
    Roles,
    account_with,
    path_tuple,
    state_of,
)
from tests.support.registry import COMMITTED, FINAL, REVERTED, UNKNOWN

OWNER, KEY, STRANGER = 1, 2, 0  # Authority
(
    PAYABLE,
    NOTHING_LEFT,
    ACCOUNT_UNKNOWN,
    BATCH_UNKNOWN,
    BATCH_REVERTED,
    NOT_FINAL,
    PROOF_WRONG,
    VAULT_SHORT,
) = range(8)  # ClaimReason
ZERO = "0x" + "00" * 20
SYMBOL = "BTC-14FEB27-100-C"


class Lens:
    """Calls the lens's functions by name."""

    def __init__(self, exchange: Exchange):
        self.chain = exchange.chain
        self.functions = exchange.deployment.lens.functions

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            return checksummed(self.chain.call(getattr(self.functions, name)(*args)))

        return call


def checksummed(value: Any) -> Any:
    """Addresses inside structs as everywhere else."""
    if isinstance(value, tuple):
        return tuple(map(checksummed, value))
    is_address = isinstance(value, str) and Web3.is_address(value)
    return Web3.to_checksum_address(value) if is_address else value


@pytest.fixture
def lens(exchange: Exchange) -> Lens:
    return Lens(exchange)


# --- accounts -------------------------------------------------------------------------------------


def test_accounts_of_an_owner_are_found_by_scanning(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    order = [roles.maker, roles.taker, roles.maker, roles.maker, roles.taker]
    indices = [exchange.open(trader) for trader in order]
    assert indices == [2, 3, 4, 5, 6]
    maker = roles.maker.address
    assert lens.accountsOf(maker, 0, 100) == ((2, 4, 5), 0)
    assert lens.accountsOf(maker, 0, 3) == ((2,), 3)
    assert lens.accountsOf(maker, 3, 2) == ((4,), 5)
    assert lens.accountsOf(maker, 5, 2) == ((5,), 0)
    assert lens.accountsOf(maker, 5, 1) == ((5,), 6)
    assert lens.accountsOf(maker, 7, 10) == ((), 0)
    assert lens.accountsOf(maker, (1 << 24) - 1, (1 << 24) - 1) == ((), 0)
    assert lens.accountsOf(roles.fees.address, 0, 100) == ((0,), 0)
    assert lens.accountsOf(roles.outsider.address, 0, 100) == ((), 0)
    # Index 1 was never opened and belongs to nobody, not to the zero address.
    assert lens.accountsOf(ZERO, 0, 100) == ((), 0)


def test_keys_of_an_account_show_their_times(exchange: Exchange, roles: Roles, lens: Lens) -> None:
    index = exchange.open(roles.maker)
    key, until = roles.outsider.address, exchange.chain.now + 1000
    call = exchange.vault.functions.registerKey(index, key, until)
    time = exchange.chain.send(roles.maker, call).time
    assert lens.keysOf(index, [key, roles.taker.address]) == ((time, until), (0, 0))
    assert lens.keysOf(index, []) == ()


# --- batches --------------------------------------------------------------------------------------


def test_head_says_all_about_the_newest_batch(exchange: Exchange, roles: Roles, lens: Lens) -> None:
    batch = exchange.commit_root(exchange.state)
    assert lens.head() == (
        1,
        batch.header.built_at,
        batch.header.batch_hash()[:27],
        batch.committed_at,
        batch.committed_at + exchange.windows.final_after,
        1,
        0,
        1,
        roles.operator.address,
        False,
        False,
    )
    time = exchange.revert_to(exchange.batches[0]).time
    found = lens.head()
    assert found[0] == 0
    assert found[5:] == (1, time, 0, ZERO, False, False)
    exchange.chain.send(roles.owner, exchange.registry.functions.setPaused(True))
    assert lens.head()[9:] == (True, False)


def test_status_tells_when_a_batch_is_final(exchange: Exchange, lens: Lens) -> None:
    one = exchange.commit_root(exchange.state)
    two = exchange.commit_root(exchange.state)
    batch_hash, final_after = one.header.batch_hash(), exchange.windows.final_after
    times = (one.committed_at, one.committed_at + final_after)
    assert lens.statusOf(one.encoded()) == (COMMITTED, batch_hash, *times)
    exchange.finalize(one)
    assert lens.statusOf(one.encoded()) == (FINAL, batch_hash, *times)
    exchange.revert_to(one)
    fallen = lens.statusOf(two.encoded())
    assert fallen == (REVERTED, two.header.batch_hash(), two.committed_at, 0)
    assert lens.statusOf(NO_HEADER)[0] == UNKNOWN
    assert lens.statusOf(NO_HEADER)[2:] == (0, 0)


# --- proofs ---------------------------------------------------------------------------------------


def test_account_is_proved_and_decoded(exchange: Exchange, roles: Roles, lens: Lens) -> None:
    index = exchange.open(roles.maker)
    held = account_with(
        cash=-5, exited=7, credited=11, served=13, i1=17, i2=-19, i3=23, i4=-29, i9=1
    )
    held.slots[5] = Slot(2, 3)
    batch = exchange.commit_root(state_of({index: held, 0: account_with(cash=1)}))
    header, leaf, path = batch.proof(index)
    status, decoded = lens.verifyAccount(header, index, leaf, path)
    assert status == COMMITTED
    *fields, positions = decoded
    assert fields == [-5, 7, 11, 13, held.slots.root()]
    symbols = [exchange.chain.call(exchange.markets.functions.symbolOf(i)) for i in (1, 2, 3, 4)]
    assert symbols[0] == SYMBOL
    lots = (17, -19, 23, -29)
    assert positions[:4] == tuple(zip((1, 2, 3, 4), lots, symbols, strict=True))
    assert positions[4] == (9, 1, "")  # never listed
    exchange.finalize()
    assert lens.verifyAccount(header, index, leaf, path)[0] == FINAL


def test_account_never_touched_is_proved_empty(exchange: Exchange, lens: Lens) -> None:
    batch = exchange.commit_root(state_of({7: account_with(cash=1)}))
    header, leaf, path = batch.proof(6)
    assert leaf == [bytes(32)] * 2
    assert lens.verifyAccount(header, 6, leaf, path)[1] == (0, 0, 0, 0, bytes(32), ())


def test_account_with_another_leaf_index_or_path_is_refused(exchange: Exchange, lens: Lens) -> None:
    batch = exchange.commit_root(state_of({7: account_with(cash=1), 8: account_with(cash=2)}))
    header, leaf, path = batch.proof(7)
    _, other_leaf, other_path = batch.proof(8)
    root = batch.state.root()
    for args in ((8, leaf, path), (7, other_leaf, path), (7, leaf, other_path)):
        with pytest.raises(Exception, match=r"LeafNotInState|SiblingCount") as caught:
            lens.verifyAccount(header, *args)
        assert caught.value.revert.args[0] == args[0]
        assert caught.value.revert.args[2] == root
    with reverts("LeafLength", 3, 2):
        lens.verifyAccount(header, 7, [*leaf, bytes(32)], path)


OPS = [
    words.Fill(1, 2, 3, 4, 5, 6, 7, 8),
    words.Credit(2, 9),
    words.Withdraw(3, 10, 11),
    words.Settle(4, 1, EXPIRY),
    words.Transfer(5, 6, 12, 13),
    words.Release(7, 14, 15),
    words.Nop(),
]
NAMES = (
    *("kind", "wellFormed", "account", "other", "instrument", "takerSells", "tick", "lots"),
    *("order", "makerOrder", "amount", "served", "market", "expiry", "half"),
)
RENAMED = {
    "taker": "account",
    "maker": "other",
    "taker_order": "order",
    "maker_order": "makerOrder",
    "source": "account",
    "target": "other",
}


def decoded_as(op: words.AnyWord) -> dict[str, Any]:
    """What the lens says of an op: its fields, and zeros."""
    expected: dict[str, Any] = dict.fromkeys(NAMES, 0)
    fields = {RENAMED.get(name, name): value for name, value in vars(op).items()}
    expected["takerSells"] = bool(fields.pop("flags", 0) & 1)
    return expected | fields | {"kind": words.KINDS[type(op)], "wellFormed": True}


def commit_words(exchange: Exchange, *chunks: list[words.Op]) -> Batch:
    """Commit ops that nobody may have made: proofs do not ask."""
    root = exchange.state.root()
    batch = [word for ops in chunks for word in words.pack_chunk(ops, root)]
    return exchange._commit(batch, exchange.state, exchange.chain.now - 1, bytes(32))


def test_op_of_every_kind_is_proved_and_decoded(exchange: Exchange, lens: Lens) -> None:
    batch = commit_words(exchange, [], OPS, [])
    tree = words_tree(batch.words)
    for place, op in enumerate(OPS):
        index = 32 + place
        path = path_tuple(tree.path(index))
        status, found = lens.verifyOp(batch.encoded(), index, batch.words[index], path)
        assert status == COMMITTED
        assert dict(zip(NAMES, found, strict=True)) == decoded_as(op)
    for index, kind in ((62, OpKind.ROOT_HI), (95, OpKind.ROOT_LO)):
        path = path_tuple(tree.path(index))
        found = lens.verifyOp(batch.encoded(), index, batch.words[index], path)[1]
        assert found[0] == kind
        assert found[-1] == batch.words[index] >> 112 & (1 << 128) - 1


def test_op_malformed_is_proved_and_said_to_be(exchange: Exchange, lens: Lens) -> None:
    chunk = words.pack_chunk([], exchange.state.root())
    chunk[3] = 0x07 << 240 | 5
    batch = exchange._commit(chunk, exchange.state, exchange.chain.now - 1, bytes(32))
    path = path_tuple(words_tree(batch.words).path(3))
    found = lens.verifyOp(batch.encoded(), 3, chunk[3], path)[1]
    assert found[:2] == (7, False)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(index=st.integers(0, 127), flip=st.integers(0, 247))
def test_op_with_any_bit_changed_is_not_in_the_batch(
    exchange: Exchange, lens: Lens, index: int, flip: int
) -> None:
    batch = commit_words(exchange, OPS, OPS[::-1], OPS)
    path = words_tree(batch.words).path(index)
    word = (batch.words[index] if index < len(batch.words) else 0) ^ 1 << flip
    with pytest.raises(Exception, match=r"^WordNotInBatch") as caught:
        lens.verifyOp(batch.encoded(), index, word, path_tuple(path))
    assert caught.value.revert.args[0] == index
    assert caught.value.revert.args[2] == batch.header.chunks_root


def test_op_outside_the_batch_is_refused(exchange: Exchange, lens: Lens) -> None:
    batch = commit_words(exchange, OPS)
    with reverts("LeafIndexTooLarge", 32, 5):
        lens.verifyOp(batch.encoded(), 32, 0, (0, []))


def test_op_of_a_batch_in_blobs_is_not_asked_here(exchange: Exchange, lens: Lens) -> None:
    fields = list(commit_words(exchange, OPS).encoded())
    info = bytearray(fields[0])
    info[3] = 1  # mode
    with reverts("NotInCalldata", 1):
        lens.verifyOp((bytes(info), *fields[1:]), 0, 0, (0, []))


# --- claims ---------------------------------------------------------------------------------------


def test_claimable_says_why_nothing_is_paid(exchange: Exchange, roles: Roles, lens: Lens) -> None:
    index = exchange.open(roles.maker, 100 * TOKENS)
    state = state_of({index: account_with(exited=30 * TOKENS, credited=100 * TOKENS)})
    batch = exchange.commit_root(state)
    proof = batch.proof(index)
    assert lens.claimable(index + 1, *proof) == (ACCOUNT_UNKNOWN, 0)
    assert lens.claimable(index, NO_HEADER, *proof[1:]) == (BATCH_UNKNOWN, 0)
    assert lens.claimable(index, *proof) == (NOT_FINAL, 0)
    exchange.finalize()
    assert lens.claimable(index, *proof) == (PAYABLE, 30 * TOKENS)
    assert lens.claimable(0, *proof) == (PROOF_WRONG, 0)
    assert lens.claimable(index, proof[0], [*proof[1], bytes(32)], proof[2]) == (PROOF_WRONG, 0)
    receipt = exchange.claim(roles.taker, index, batch)
    assert receipt.event("Claimed")["amount"] == 30 * TOKENS
    assert lens.claimable(index, *proof) == (NOTHING_LEFT, 0)
    greedy = state_of({index: account_with(exited=101 * TOKENS)})
    lie = exchange.commit_root(greedy)
    exchange.finalize()
    assert lens.claimable(index, *lie.proof(index)) == (VAULT_SHORT, 0)


def test_claimable_of_a_reverted_batch_is_nothing(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    index = exchange.open(roles.maker)
    batch = exchange.commit_root(state_of({index: account_with(exited=1)}))
    exchange.revert_to(exchange.batches[0])
    assert lens.claimable(index, *batch.proof(index)) == (BATCH_REVERTED, 0)


# --- messages -------------------------------------------------------------------------------------


def order(account: int, expiry: int) -> Order:
    return Order(account, SYMBOL, True, 5000, 3, 77, expiry, 0)


def terms(message: Any) -> tuple[Any, ...]:
    return tuple(messages.terms(message).values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("order", order(2, 1_900_000_000)),
        ("withdrawal", Withdrawal(2, 5, 6, 7)),
        ("transfer", Transfer(2, 3, 5, 6, 7)),
    ],
)
def test_digest_is_what_is_signed(exchange: Exchange, lens: Lens, name: str, message: Any) -> None:
    expected = messages.digest(message, exchange.domain())
    assert getattr(lens, f"{name}Digest")(terms(message)) == expected


def test_order_by_the_owner_counts_until_orders_until_and_expiry(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    index = exchange.open(roles.maker)
    chain, now = exchange.chain, exchange.chain.now
    message = order(index, now + 500)
    digest = messages.digest(message, exchange.domain())
    signature = exchange.sign(roles.maker, message)
    mine = (digest, roles.maker.address, OWNER)
    assert lens.orderSigner(terms(message), signature, now + 500) == (*mine, True)
    assert lens.orderSigner(terms(message), signature, now + 501) == (*mine, False)
    until = now + 200
    chain.send(roles.maker, exchange.vault.functions.setOrdersUntil(index, until))
    assert lens.orderSigner(terms(message), signature, until) == (*mine, True)
    assert lens.orderSigner(terms(message), signature, until + 1) == (*mine, False)


def test_order_by_a_key_counts_while_the_key_is_valid(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    index = exchange.open(roles.maker)
    message = order(index, (1 << 40) - 1)
    digest = messages.digest(message, exchange.domain())
    signature = exchange.sign(roles.outsider, message)
    stranger = (digest, roles.outsider.address, STRANGER, False)
    assert lens.orderSigner(terms(message), signature, exchange.chain.now) == stranger
    until = exchange.chain.now + 300
    call = exchange.vault.functions.registerKey(index, roles.outsider.address, until)
    since = exchange.chain.send(roles.maker, call).time
    known = (digest, roles.outsider.address, KEY)
    for time, counts in ((since - 1, False), (since, True), (until, True), (until + 1, False)):
        assert lens.orderSigner(terms(message), signature, time) == (*known, counts)


def test_withdrawal_and_transfer_count_only_by_the_owner(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    index = exchange.open(roles.maker)
    now = exchange.chain.now
    call = exchange.vault.functions.registerKey(index, roles.outsider.address, now + 300)
    exchange.chain.send(roles.maker, call)
    # The owner's end of orders does not end these.
    exchange.chain.send(roles.maker, exchange.vault.functions.setOrdersUntil(index, now + 200))
    for name, message in (
        ("withdrawal", Withdrawal(index, 5, 6, now + 1000)),
        ("transfer", Transfer(index, 0, 5, 6, now + 1000)),
    ):
        digest = messages.digest(message, exchange.domain())
        for signer, authority, time, counts in (
            (roles.maker, OWNER, now + 1000, True),
            (roles.maker, OWNER, now + 1001, False),
            (roles.outsider, KEY, now + 100, False),
            (roles.taker, STRANGER, now + 100, False),
        ):
            found = getattr(lens, f"{name}Signer")(
                terms(message), exchange.sign(signer, message), time
            )
            assert found == (digest, signer.address, authority, counts)


def test_signature_of_nobody_is_refused(exchange: Exchange, roles: Roles, lens: Lens) -> None:
    message = order(exchange.open(roles.maker), 1_900_000_000)
    with reverts("SignatureLength", 3):
        lens.orderSigner(terms(message), b"abc", 0)


def test_signer_of_an_account_that_does_not_exist_is_a_stranger(
    exchange: Exchange, roles: Roles, lens: Lens
) -> None:
    message = order(999, (1 << 40) - 1)
    found = lens.orderSigner(terms(message), exchange.sign(roles.maker, message), 0)
    assert found[1:] == (roles.maker.address, STRANGER, False)


# --- instruments ----------------------------------------------------------------------------------


def test_instrument_is_found_by_its_symbol(exchange: Exchange, lens: Lens) -> None:
    found = lens.instrumentBySymbol(SYMBOL)
    assert found == (1, MARKET, 0, EXPIRY, 100 * TOKENS, 100, CAP, 0, 0)
    for unknown in (SYMBOL.replace("100", "101"), "", SYMBOL + " "):
        with reverts("SymbolUnknown", unknown):
            lens.instrumentBySymbol(unknown)


def test_instrument_shows_its_price_once_settled(exchange: Exchange, lens: Lens) -> None:
    receipt = exchange.settle(150 * TOKENS)
    assert lens.instrumentBySymbol(SYMBOL)[-2:] == (150 * TOKENS, receipt.time)


def test_lens_knows_the_deployment(exchange: Exchange, lens: Lens) -> None:
    for role in ("registry", "vault", "markets", "prices"):
        assert getattr(lens, role)() == Web3.to_checksum_address(
            exchange.deployment.addresses[role]
        )
