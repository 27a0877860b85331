"""Messages of any length arrive whole and in order, through rings that are often full."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.shards import post
from matcher.shards.tape import Lend
from matcher.shared.rings import Ring

messages = st.one_of(
    st.builds(post.Said, st.integers(-(2**62), 2**62), st.text(max_size=600)),
    st.builds(post.Ask, st.sampled_from(("free", "spare")), st.integers(0, 2**24)),
    st.builds(post.Moved, st.builds(Lend, st.integers(2, 9), st.integers(-5, 5), st.just(0))),
)
UNION = post.Said | post.Ask | post.Moved


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, max_size=40))
def test_messages_arrive_whole_and_in_order_through_a_small_ring(
    tmp_path_factory, sent: list[post.Said | post.Ask | post.Moved]
) -> None:
    place: Path = tmp_path_factory.mktemp("ring") / "segments"
    with Ring.create("line", post.CELL, capacity=16, place=place) as ring:
        receiver = post.Receiver(ring.consumer(), UNION)
        sender = post.Sender(ring.producer(), receiver.collect)
        for message in sent:
            sender.send(message)
        received = [receiver.wait() for _ in sent]
        assert receiver.next() is None
    assert received == sent


def test_message_of_exactly_one_cell_and_one_byte_more_are_told_apart(tmp_path: Path) -> None:
    head = len(post.encode(post.Said(text="")))
    texts = ["x" * (56 - head + more) for more in (-1, 0, 1, 2)]
    with Ring.create("line", post.CELL, capacity=64, place=tmp_path / "segments") as ring:
        receiver = post.Receiver(ring.consumer(), UNION)
        sender = post.Sender(ring.producer(), receiver.collect)
        for text in texts:
            sender.send(post.Said(text=text))
        assert [receiver.wait().text for _ in texts] == texts
