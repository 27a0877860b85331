"""How far a reader may fall behind."""

import asyncio

import pytest

from matcher.gateway.stream import CLOSE_SLOW, Connection


async def test_connection_hands_messages_on_in_their_order():
    connection = Connection(3, 1_000)
    for text in ("a", "b", "c"):
        connection.put(text)
    assert [await connection.take() for _ in range(3)] == ["a", "b", "c"]
    waiting = asyncio.create_task(connection.take())
    await asyncio.sleep(0)
    connection.put("d")
    assert await waiting == "d"
    assert connection.verdict is None


@pytest.mark.parametrize(
    ("messages", "kept"), [(["x"] * 3, True), (["x"] * 4, False), (["x" * 11], False)]
)
async def test_connection_too_far_behind_is_given_up(messages, kept):
    connection = Connection(3, 10)
    for text in messages:
        connection.put(text)
    if kept:
        assert connection.verdict is None
        return
    await asyncio.wait_for(connection.given_up(), 1)
    code, reason = connection.verdict
    assert code == CLOSE_SLOW
    assert f"{len(messages)} messages" in reason
    assert len(reason.encode()) <= 123  # what a close frame holds


async def test_connection_that_keeps_up_may_read_for_ever():
    connection = Connection(1, 5)
    for _ in range(100):
        connection.put("12345")
        assert await connection.take() == "12345"
    assert connection.verdict is None


async def test_connection_given_up_takes_nothing_more():
    connection = Connection(1, 5)
    connection.give_up(1011, "a fault")
    connection.put("a")
    assert connection.verdict == (1011, "a fault")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(connection.take(), 0.01)
