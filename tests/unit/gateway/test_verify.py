"""The stage of verification: whoever asks gets their own answer, in whatever company."""

import asyncio
import threading

import coincurve
import pytest

from matcher.eip712 import Domain
from matcher.errors import SignatureError
from matcher.gateway import verify
from matcher.gateway.verify import Verification
from matcher.signatures import Recovery, claim
from matcher.types import CancelTerms, Order

DOMAIN = Domain(1337, b"\xab" * 20)
KEY = coincurve.PrivateKey(b"\x11" * 32)


def order_of(number: int) -> Order:
    return Order(7, "BTC-26MAR27-100000-C", True, 1500, 1, number, 1790000000, 0)


def sign(message) -> bytes:
    raw = KEY.sign_recoverable(DOMAIN.digest(message), hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


NOBODY = bytes(31) + b"\x05" + sign(order_of(0))[32:]


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """Sizes of the calls that were made."""
    sizes: list[int] = []
    original = Recovery.answer

    def count(recovery, claims):
        sizes.append(len(claims))
        return original(recovery, claims)

    monkeypatch.setattr(Recovery, "answer", count)
    return sizes


@pytest.mark.parametrize("threads", [1, 2, 3])
async def test_verification_of_many_at_once_gives_each_its_own(threads, batches):
    stage = Verification(DOMAIN, threads)
    wanted = [order_of(number) for number in range(100)]
    signed = await asyncio.gather(*(stage.order(order, sign(order)) for order in wanted))
    assert [one.order for one in signed] == wanted
    assert [one.digest for one in signed] == [DOMAIN.digest(order) for order in wanted]
    assert len({one.signer for one in signed}) == 1
    assert sum(batches) == 100
    assert len(batches) == threads  # all were there when the first call was made


async def test_verification_answers_in_the_order_of_asking(monkeypatch):
    original, second = Recovery.answer, threading.Event()

    def answer(recovery, claims):
        if claims[0].message.id == 0:
            assert second.wait(20)
            return original(recovery, claims)
        found = original(recovery, claims)
        second.set()
        return found

    monkeypatch.setattr(Recovery, "answer", answer)
    stage, told = Verification(DOMAIN, 2), []

    async def ask(number: int) -> None:
        told.append((await stage.order(order_of(number), sign(order_of(number)))).order.id)

    await asyncio.gather(*map(ask, range(20)))
    assert told == list(range(20))


async def test_verification_of_one_alone_is_one_call(batches):
    stage = Verification(DOMAIN, 2)
    for number in range(3):
        await stage.order(order_of(number), sign(order_of(number)))
    assert batches == [1, 1, 1]


async def test_verification_gathers_what_comes_while_every_thread_works(monkeypatch, batches):
    entered, gates = asyncio.Event(), [asyncio.Event(), asyncio.Event()]
    loop = asyncio.get_running_loop()
    counted = Recovery.answer

    def held(recovery, claims):
        gate = gates[len(batches)] if len(batches) < 2 else None
        found = counted(recovery, claims)
        loop.call_soon_threadsafe(entered.set)
        if gate is not None:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        return found

    monkeypatch.setattr(Recovery, "answer", held)
    stage = Verification(DOMAIN, 1)
    first = [asyncio.create_task(stage.order(order_of(n), sign(order_of(n)))) for n in (1, 2)]
    await entered.wait()
    later = [asyncio.create_task(stage.order(order_of(n), sign(order_of(n)))) for n in range(9)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert batches == [2]
    gates[0].set()
    await asyncio.gather(*first)
    gates[1].set()
    await asyncio.gather(*later)
    assert batches == [2, 9]


async def test_verification_of_a_bad_one_hurts_nobody_else():
    stage = Verification(DOMAIN, 2)
    terms = CancelTerms(7, 1, 1790000000)
    outcomes = await asyncio.gather(
        stage.order(order_of(1), sign(order_of(1))),
        stage.order(order_of(2), NOBODY),
        stage.signer_of(terms, sign(terms), "signature"),
        stage.order(order_of(3), b"short"),
        return_exceptions=True,
    )
    assert outcomes[0].order == order_of(1)
    assert isinstance(outcomes[1], SignatureError)
    assert "recovers to no address" in str(outcomes[1])
    assert (outcomes[2].message, outcomes[2].signature) == (terms, sign(terms))
    assert outcomes[2].signer == outcomes[0].signer
    assert isinstance(outcomes[3], SignatureError)


async def test_verification_of_orders_that_came_together_names_the_bad_one():
    stage = Verification(DOMAIN, 2)
    claims = [claim(order_of(n), sign(order_of(n)), f"orders[{n}].signature") for n in range(3)]
    signed = await stage.orders(claims)
    assert [one.order.id for one in signed] == [0, 1, 2]
    assert [one.digest for one in signed] == [DOMAIN.digest(order_of(n)) for n in range(3)]
    claims[1] = claim(order_of(1), NOBODY, "orders[1].signature")
    with pytest.raises(SignatureError, match=r"^orders\[1\]\.signature: found recovers to no"):
        await stage.orders(claims)


@pytest.mark.parametrize(("threads", "most"), [(1, 512), (2, 512), (3, 4), (2, 1)])
async def test_verification_of_requests_cut_anywhere_gives_each_its_own(
    monkeypatch, batches, threads, most
):
    """Requests of several orders, of one and of none, in calls that end within them."""
    monkeypatch.setattr(verify, "MAX_BATCH", most)
    stage, number = Verification(DOMAIN, threads), iter(range(100))
    requests = [[order_of(next(number)) for _ in range(size)] for size in (3, 1, 0, 8, 2, 1, 5)]
    asked = [[claim(order, sign(order)) for order in request] for request in requests]
    signed = await asyncio.gather(*(stage.orders(claims) for claims in asked))
    assert [[one.order for one in request] for request in signed] == requests
    digests = [[one.digest for one in request] for request in signed]
    assert digests == [[DOMAIN.digest(order) for order in request] for request in requests]
    assert sum(batches) == 20
    assert max(batches) <= most


async def test_verification_that_breaks_tells_all_who_wait_and_goes_on(monkeypatch):
    stage = Verification(DOMAIN, 1)
    original = Recovery.answer

    def broken(_recovery, _claims):
        raise MemoryError("no memory")

    monkeypatch.setattr(Recovery, "answer", broken)
    asked = [stage.order(order_of(n), sign(order_of(n))) for n in range(5)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcomes] == [MemoryError] * 5
    alone = await asyncio.gather(
        stage.order(order_of(1), sign(order_of(1))), return_exceptions=True
    )
    assert isinstance(alone[0], MemoryError)
    monkeypatch.setattr(Recovery, "answer", original)
    assert (await stage.order(order_of(1), sign(order_of(1)))).order == order_of(1)
