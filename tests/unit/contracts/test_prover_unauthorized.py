"""UNAUTHORIZED: what answers a question, and what does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from eth_account.signers.local import LocalAccount

from matcher.reference.leaf import Account, Slot
from matcher.reference.messages import CURVE_ORDER, digest, domain_separator
from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.symbols import symbol
from matcher.reference.words import Fill, Op, Transfer, Withdraw
from matcher.types import Order, OrderFlag, Withdrawal
from matcher.types import Transfer as TransferMessage
from tests.support.chain import account, reverts
from tests.support.exchange import EXPIRY, Exchange, state_of
from tests.support.trials import ANSWERED, OPEN, Case, Trials

MODES = pytest.mark.parametrize("blobs", [False, True], ids=["calldata", "blobs"])
SYMBOL = symbol("BTC", 0, EXPIRY, 100)  # of instrument 1; a tick is 100 atoms
KEY = account("session key")
FOREVER = (1 << 40) - 1
TICK, LOTS, FILLED, QUANTITY = 70, 5, 8, 9
TAKER_ID, MAKER_ID = 3 * 4096 + 6, 4095


@dataclass
class Scene:
    """Two traders, a key of each, and a batch of one chunk with a fill between them."""

    trials: Trials
    taker: int
    maker: int
    fill: Fill
    buy: Order
    sell: Order

    @property
    def owner(self) -> LocalAccount:
        return self.trials.roles.taker

    def signed(self, side: int) -> tuple[LocalAccount, Order]:
        """Who signs a side, and what."""
        roles = self.trials.roles
        return (roles.maker, self.sell) if side else (roles.taker, self.buy)

    def state(self, **slots: Slot) -> State:
        """After the chunk; `taker` and `maker` say otherwise what their orders' slots hold."""
        accounts = {}
        for name, order in (("taker", TAKER_ID), ("maker", MAKER_ID)):
            made = Account(cash=1, positions={i: i for i in range(1, 4)})
            made.slots[order % 4096] = slots.get(name, Slot(order // 4096, FILLED))
            made.slots[(order + 1) % 4096] = Slot(77, 77)
            accounts[getattr(self, name)] = made
        return state_of(accounts)

    def commit(
        self,
        *ops: Op,
        state: State | None = None,
        built_at: int | None = None,
        blobs: bool = False,
        asks: tuple[int, ...] = (0,),
    ) -> Case:
        """Commit these ops (the fill) and ask about these sides of the first."""
        told = (list(ops or (self.fill,)), self.state() if state is None else state)
        case = self.trials.commit(told, built_at=built_at, blobs=blobs)
        for side in asks:
            self.trials.ask(case, side=side)
        return case

    def answer(
        self, case: Case, message: Any, signer: LocalAccount | None = None, *, side: int = 0
    ) -> None:
        """Answer with a message, or one that is signed already."""
        signed = message
        if not isinstance(message, Signed):
            signed = self.trials.sign(signer or self.owner, message)
        self.trials.answer(case, 0, 0, side, signed)
        assert self.trials.question(case, side=side)[0] == ANSWERED


@pytest.fixture
def scene(exchange: Exchange) -> Scene:
    trials, roles, vault = Trials(exchange), exchange.roles, exchange.vault.functions
    taker, maker = exchange.open(roles.taker), exchange.open(roles.maker)
    exchange.chain.send(roles.taker, vault.registerKey(taker, KEY.address, FOREVER))
    fill = Fill(0, taker, maker, 1, TICK, LOTS, TAKER_ID, MAKER_ID)
    buy = Order(taker, SYMBOL, True, 100 * TICK, QUANTITY, TAKER_ID, FOREVER, 0)
    sell = Order(maker, SYMBOL, False, 100 * TICK, QUANTITY, MAKER_ID, FOREVER, 0)
    return Scene(trials, taker, maker, fill, buy, sell)


def changed(message: Any, **terms: Any) -> Any:
    return msgspec.structs.replace(message, **terms)


def anybody() -> Any:
    """Stands for an address that nobody could name before."""

    class Anybody:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, str)

        __hash__ = None  # type: ignore[assignment]

    return Anybody()


# --- what answers -----------------------------------------------------------------------------


@MODES
def test_taker_and_maker_answer_with_the_orders_they_signed(scene: Scene, blobs: bool) -> None:
    trials, case = scene.trials, scene.commit(asks=(0, 1), blobs=blobs)
    taker, maker = trials.roles.taker, trials.roles.maker
    for side, signer, order in ((0, taker, scene.buy), (1, maker, scene.sell)):
        state, asker, asked_at, word = trials.question(case, side=side)
        assert (state, asker, word) == (OPEN, trials.roles.challenger.address, case.body.words[0])
        assert asked_at <= trials.chain.now
        receipt = trials.answer(case, 0, 0, side, trials.sign(signer, order))
        event = receipt.event("QuestionAnswered")
        assert (event["answerer"], event["signer"]) == (
            trials.roles.operator.address,
            signer.address,
        )
        assert trials.question(case, side=side)[0] == ANSWERED


def test_answer_pays_its_bond_to_who_gives_it(scene: Scene) -> None:
    trials, case = scene.trials, scene.commit()
    before = trials.balance(trials.roles.outsider.address)
    signed = trials.sign(scene.owner, scene.buy)
    receipt = trials.answer(case, 0, 0, 0, signed, sender=trials.roles.outsider)
    paid = trials.balance(trials.roles.outsider.address) + trials.spent(receipt) - before
    assert paid == trials.bond
    assert trials.balance(trials.unauthorized.address) == 0


def test_seller_that_takes_and_buyer_that_makes_answer(scene: Scene) -> None:
    scene.fill = replace(scene.fill, flags=1)
    case = scene.commit(asks=(0, 1))
    scene.answer(case, changed(scene.buy, buy=False))
    scene.answer(case, changed(scene.sell, buy=True), scene.trials.roles.maker, side=1)


@pytest.mark.parametrize(
    ("side", "terms"),
    [
        (0, {"price": 100 * TICK + 1}),
        (0, {"price": (1 << 64) - 1, "quantity": (1 << 64) - 1}),
        (0, {"quantity": FILLED}),
        (0, {"flags": OrderFlag.IOC | OrderFlag.FOK | OrderFlag.REDUCE_ONLY}),
        (1, {"price": 100 * TICK - 1}),
        (1, {"price": 0}),
        (1, {"flags": OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY}),
    ],
)
def test_order_within_whose_terms_the_fill_lies_answers(
    scene: Scene, side: int, terms: dict[str, int]
) -> None:
    case = scene.commit(asks=(side,))
    signer, order = scene.signed(side)
    scene.answer(case, changed(order, **terms), signer, side=side)


def test_session_key_answers_for_orders(scene: Scene) -> None:
    scene.answer(scene.commit(), scene.buy, KEY)


@pytest.mark.parametrize("later", [0, 1])
def test_order_answers_until_its_expiry(scene: Scene, later: int) -> None:
    case = scene.commit()
    built_at = case.header.built_at
    order = changed(scene.buy, expiry=built_at - later)
    if later:
        with reverts("MessageExpired", built_at - 1, built_at):
            scene.answer(case, order)
    else:
        scene.answer(case, order)


def test_compact_signature_answers(scene: Scene) -> None:
    signed = scene.trials.sign(scene.owner, scene.buy)
    r, s, v = signed.signature[:32], signed.signature[32:64], signed.signature[64]
    packed = (int.from_bytes(s, "big") | (v - 27) << 255).to_bytes(32, "big")
    scene.answer(scene.commit(), Signed(scene.buy, r + packed))


# --- what does not ----------------------------------------------------------------------------


def test_order_of_another_side_instrument_account_or_chain_does_not_answer(scene: Scene) -> None:
    """It is another message than the op says, so its signature is somebody else's."""
    trials, case, taker = scene.trials, scene.commit(), scene.owner
    elsewhere = domain_separator(1, bytes.fromhex(trials.registry.address[2:]))
    other_registry = domain_separator(trials.exchange.deployment.chain_id, b"\1" * 20)
    signed = [
        trials.sign(taker, changed(scene.buy, buy=False)),
        trials.sign(taker, changed(scene.buy, instrument=symbol("BTC", 1, EXPIRY, 100))),
        trials.sign(taker, changed(scene.buy, instrument=symbol("BTC", 0, EXPIRY, 120))),
        trials.sign(taker, changed(scene.buy, account=scene.maker)),
        trials.sign(taker, changed(scene.buy, id=TAKER_ID + 1)),
        trials.sign(taker, changed(scene.buy, id=TAKER_ID + 4096)),
        *(
            Signed(scene.buy, bytes(taker.unsafe_sign_hash(digest(scene.buy, where)).signature))
            for where in (elsewhere, other_registry)
        ),
    ]
    for told in signed:
        with reverts("SignerNotAllowed", scene.taker, anybody(), case.header.built_at):
            scene.answer(case, told)


@pytest.mark.parametrize("name", ["maker", "outsider", "operator", "fees", "challenger"])
def test_stranger_does_not_answer(scene: Scene, name: str) -> None:
    case, stranger = scene.commit(), getattr(scene.trials.roles, name)
    with reverts("SignerNotAllowed", scene.taker, stranger.address, case.header.built_at):
        scene.answer(case, scene.buy, stranger)


@pytest.mark.parametrize(
    ("side", "terms", "error"),
    [
        (0, {"price": 100 * TICK - 1}, ("PriceOutsideLimit", 100 * TICK, 100 * TICK - 1, True)),
        (0, {"price": 0}, ("PriceOutsideLimit", 100 * TICK, 0, True)),
        (1, {"price": 100 * TICK + 1}, ("PriceOutsideLimit", 100 * TICK, 100 * TICK + 1, False)),
        (0, {"quantity": FILLED - 1}, ("FilledAboveQuantity", FILLED, FILLED - 1)),
        (1, {"quantity": 0}, ("FilledAboveQuantity", FILLED, 0)),
        (0, {"flags": OrderFlag.POST_ONLY}, ("TakerIsPostOnly",)),
        (0, {"flags": OrderFlag.POST_ONLY | OrderFlag.IOC}, ("TakerIsPostOnly",)),
        (0, {"flags": 16}, ("FlagsUnknown", 16)),
        (1, {"flags": 129}, ("FlagsUnknown", 129)),
    ],
)
def test_order_beyond_whose_terms_the_fill_lies_does_not_answer(
    scene: Scene, side: int, terms: dict[str, int], error: tuple[Any, ...]
) -> None:
    case = scene.commit(asks=(side,))
    signer, order = scene.signed(side)
    with reverts(*error):
        scene.answer(case, changed(order, **terms), signer, side=side)


@pytest.mark.parametrize("generation", [0, 2, 4, (1 << 32) - 1])
def test_slot_of_another_generation_does_not_answer(scene: Scene, generation: int) -> None:
    case = scene.commit(state=scene.state(taker=Slot(generation, 1)))
    with reverts("GenerationMismatch", generation, 3):
        scene.answer(case, scene.buy)


def test_order_id_without_a_generation_is_answered_by_nobody(scene: Scene) -> None:
    """Its generation cut to 32 bits would be the slot's; TRANSITION convicts it besides."""
    order = changed(scene.buy, id=TAKER_ID + (1 << 44))
    scene.fill = replace(scene.fill, taker_order=order.id)
    case = scene.commit()
    with reverts("GenerationMismatch", 3, 3 + (1 << 32)):
        scene.answer(case, order)


def test_slot_is_that_after_the_chunk(scene: Scene) -> None:
    """Chunk 0 leaves the order at its quantity, chunk 1 fills beyond; each answers for itself."""
    within, beyond = scene.state(), scene.state(taker=Slot(3, QUANTITY + 1))
    case = scene.trials.commit(([scene.fill], within), ([scene.fill], beyond))
    signed = scene.trials.sign(scene.owner, scene.buy)
    for number in (0, 1):
        scene.trials.ask(case, number)
    with reverts("FilledAboveQuantity", QUANTITY + 1, QUANTITY):
        scene.trials.answer(case, 1, 0, 0, signed)
    told = replace(case, states=(State(), within, within))
    with reverts("AccountNotInState", scene.taker, within.root(), beyond.root()):
        scene.trials.answer(told, 1, 0, 0, signed)
    scene.trials.answer(case, 0, 0, 0, signed)


def test_slots_of_another_account_are_refused(scene: Scene) -> None:
    case = scene.commit()
    empty = replace(case, states=(State(), scene.state(taker=Slot(3, 1))))
    with reverts("AccountNotInState", scene.taker, empty.states[1].root(), case.states[1].root()):
        scene.answer(empty, scene.buy)
    right, wrong = case.states[1].account(scene.taker), empty.states[1].account(scene.taker)
    mixed = Account(right.cash, positions=right.positions, slots=wrong.slots)
    message = case.answer(0, 0, 0, scene.trials.sign(scene.owner, scene.buy))
    other = empty.answer(0, 0, 0, scene.trials.sign(scene.owner, scene.buy))
    tail = len(other) - other.rindex(wrong.slots.word(TAKER_ID % 4096 // 4).to_bytes(32, "big"))
    call = scene.trials.unauthorized.functions.answer(
        case.headers[0], 0, 0, 0, message[:-tail] + other[-tail:]
    )
    with reverts("SlotsNotInAccount", TAKER_ID % 4096 // 4, mixed.slots.root(), right.slots.root()):
        scene.trials.chain.call(call)


def test_encoding_that_nobody_knows_is_refused(scene: Scene) -> None:
    case = scene.commit()
    message = bytearray(case.answer(0, 0, 0, scene.trials.sign(scene.owner, scene.buy)))
    message[5 + 1 + 65] = 1
    call = scene.trials.unauthorized.functions.answer(case.headers[0], 0, 0, 0, bytes(message))
    with reverts("EncodingUnknown", 1):
        scene.trials.chain.call(call)


# --- signatures -------------------------------------------------------------------------------


def test_signature_that_is_none_is_refused(scene: Scene) -> None:
    case, good = scene.commit(), scene.trials.sign(scene.owner, scene.buy).signature
    r, s = good[:32], int.from_bytes(good[32:64], "big")
    high = (CURVE_ORDER - s).to_bytes(32, "big")
    what = digest(scene.buy, scene.trials.exchange.domain())
    wrong: list[tuple[bytes, tuple[Any, ...]]] = [
        (good[:63], ("SignatureLength", 63)),
        (good + b"\0", ("SignatureLength", 66)),
        (b"", ("SignatureLength", 0)),
        (good[:64] + b"\x00", ("SignatureV", 0)),
        (good[:64] + b"\x1d", ("SignatureV", 29)),
        (r + high + bytes([55 - good[64]]), ("SignatureHighS", high)),
        (bytes(32) + good[32:], ("SignatureOfNobody", what)),
    ]
    for signature, error in wrong:
        with reverts(*error):
            scene.answer(case, Signed(scene.buy, signature))


# --- keys and times ---------------------------------------------------------------------------


def test_owner_orders_until_the_second_that_is_stored(scene: Scene) -> None:
    trials, vault = scene.trials, scene.trials.exchange.vault.functions
    until = trials.chain.now + 70
    trials.chain.send(scene.owner, vault.setOrdersUntil(scene.taker, until))
    trials.chain.at(until + 5)
    last = scene.commit(built_at=until)
    scene.answer(last, scene.buy)
    late = scene.commit(built_at=until + 1)
    with reverts("SignerNotAllowed", scene.taker, scene.owner.address, until + 1):
        scene.answer(late, scene.buy)
    scene.answer(late, scene.buy, KEY)  # keys have times of their own


def test_key_orders_from_its_first_second_to_its_last(scene: Scene) -> None:
    trials, vault = scene.trials, scene.trials.exchange.vault.functions
    key = account("short-lived key")
    until = trials.chain.now + 61
    since = trials.chain.send(scene.owner, vault.registerKey(scene.taker, key.address, until)).time
    trials.chain.at(until + 5)
    for built_at, able in ((since - 1, False), (since, True), (until, True), (until + 1, False)):
        case = scene.commit(built_at=built_at)
        if able:
            scene.answer(case, scene.buy, key)
        else:
            with reverts("SignerNotAllowed", scene.taker, key.address, built_at):
                scene.answer(case, scene.buy, key)


def test_key_revoked_later_still_answers_for_an_older_batch(scene: Scene) -> None:
    trials, vault = scene.trials, scene.trials.exchange.vault.functions
    case = scene.commit()
    until = trials.chain.now + 60
    trials.chain.send(scene.owner, vault.revokeKey(scene.taker, KEY.address, until))
    trials.chain.at(until + 20)
    scene.answer(case, scene.buy, KEY)


def test_key_of_another_account_does_not_answer(scene: Scene) -> None:
    case = scene.commit(asks=(1,))
    with reverts("SignerNotAllowed", scene.maker, KEY.address, case.header.built_at):
        scene.answer(case, scene.sell, KEY, side=1)


def test_contract_without_a_key_answers_for_nothing_and_with_one_for_orders(scene: Scene) -> None:
    trials, exchange = scene.trials, scene.trials.exchange
    wallet = trials.chain.deploy(scene.owner, "ContractWallet", scene.owner.address)
    index = exchange.open(scene.owner, owner=wallet.address)
    scene.taker = index
    scene.fill = replace(scene.fill, taker=index)
    order = changed(scene.buy, account=index)
    case = scene.commit()
    with reverts("SignerNotAllowed", index, scene.owner.address, case.header.built_at):
        scene.answer(case, order)
    key = exchange.vault.encode_abi("registerKey", args=[index, KEY.address, FOREVER])
    trials.chain.send(scene.owner, wallet.functions.execute(exchange.vault.address, key))
    case = scene.commit()
    scene.answer(case, order, KEY)


def test_account_that_nobody_opened_is_answered_for_by_nobody(scene: Scene) -> None:
    scene.fill = replace(scene.fill, taker=scene.maker + 1)
    scene.taker = scene.maker + 1
    case = scene.commit()
    with reverts("SignerNotAllowed", scene.taker, scene.owner.address, case.header.built_at):
        scene.answer(case, changed(scene.buy, account=scene.taker))


def test_instrument_that_nobody_listed_has_no_order(scene: Scene) -> None:
    scene.fill = replace(scene.fill, instrument=(1 << 24) - 1)
    case = scene.commit()
    with reverts("SignerNotAllowed", scene.taker, anybody(), case.header.built_at):
        scene.answer(case, scene.buy)


# --- withdrawals and transfers ----------------------------------------------------------------


Terms = Callable[[Scene], tuple[Op, Any]]


def withdraw(scene: Scene) -> tuple[Op, Any]:
    return Withdraw(scene.taker, 7, 9), Withdrawal(scene.taker, 7, 9, FOREVER)


def transfer(scene: Scene) -> tuple[Op, Any]:
    return Transfer(scene.taker, 0, 7, 9), TransferMessage(scene.taker, 0, 7, 9, FOREVER)


BOTH = pytest.mark.parametrize("terms", [withdraw, transfer], ids=lambda f: f.__name__)


@BOTH
@MODES
def test_owner_answers_for_what_leaves_the_account(scene: Scene, terms: Terms, blobs: bool) -> None:
    op, message = terms(scene)
    scene.answer(scene.commit(op, blobs=blobs), message)


@BOTH
def test_session_key_does_not_answer_for_what_leaves_the_account(
    scene: Scene, terms: Terms
) -> None:
    op, message = terms(scene)
    case = scene.commit(op)
    for signer in (KEY, scene.trials.roles.maker):
        with reverts("SignerNotAllowed", scene.taker, signer.address, case.header.built_at):
            scene.answer(case, message, signer)


@BOTH
def test_owner_whose_orders_ended_still_withdraws(scene: Scene, terms: Terms) -> None:
    trials, vault = scene.trials, scene.trials.exchange.vault.functions
    until = trials.chain.now + 60
    trials.chain.send(scene.owner, vault.setOrdersUntil(scene.taker, until))
    trials.chain.at(until + 9)
    op, message = terms(scene)
    scene.answer(scene.commit(op), message)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        *((withdraw, field) for field in ("amount", "id", "account")),
        *((transfer, field) for field in ("amount", "id", "source", "target")),
    ],
)
def test_other_terms_do_not_answer(scene: Scene, terms: Terms, field: str) -> None:
    op, message = terms(scene)
    case = scene.commit(op)
    other = changed(message, **{field: getattr(message, field) + 1})
    with reverts("SignerNotAllowed", scene.taker, anybody(), case.header.built_at):
        scene.answer(case, other)


@BOTH
def test_message_that_expired_does_not_answer(scene: Scene, terms: Terms) -> None:
    op, message = terms(scene)
    case = scene.commit(op)
    built_at = case.header.built_at
    with reverts("MessageExpired", built_at - 1, built_at):
        scene.answer(case, changed(message, expiry=built_at - 1))
    scene.answer(case, changed(message, expiry=built_at))


def test_order_does_not_answer_for_a_withdrawal(scene: Scene) -> None:
    op, message = withdraw(scene)
    case = scene.commit(op)
    order = scene.trials.sign(scene.owner, scene.buy)
    with reverts("SignerNotAllowed", scene.taker, anybody(), case.header.built_at):
        scene.answer(case, Signed(message, order.signature))
