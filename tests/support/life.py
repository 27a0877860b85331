"""A sequencer with its journal and archive in a process of its own, to be killed at any moment.

    python -m tests.support.life DIRECTORY

Reads lines of ``<number> <hex of a journaled command>`` or ``<number> time <seconds>`` (the
chain's time from now on), answers ``ack <number> <digest of the events>`` as each is answered.
First of all it says ``ready <commands in the journal> <state hash>``.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from matcher.archive import Archive
from matcher.batch import genesis
from matcher.commands import AnyCommand, Command
from matcher.errors import ChainError
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.journal.writer import Identity, Journal, encode
from matcher.merkle import keccak
from matcher.policy import Policy
from matcher.sequencer import Sequencer
from matcher.settlement.batcher import Batcher
from tests.support.street import CHAIN_ID, REGISTRY, START, WINDOWS

GENESIS = genesis(START - 1000)
IDENTITY = Identity(CHAIN_ID, REGISTRY, keccak(GENESIS))
SEGMENT_BYTES = 40_000  # small, so that segments end often
# A group holds all that is ever sent at once: of a longer queue the cancels would go first, and the
# journal would not be in the order in which commands were sent.
POLICY = Policy(max_age=3, max_ops=10, max_group=200)
MAX_CHUNKS = 1


def new_batcher() -> Batcher:
    return Batcher(GENESIS, WINDOWS, operator=1, max_chunks=MAX_CHUNKS)


def digest_of(events: list[Event] | Exception) -> str:
    """What was answered, in a few bytes."""
    if isinstance(events, Exception):
        return type(events).__name__
    return keccak(msgspec.msgpack.encode(events))[:8].hex()


def line_of(number: int, command: Command) -> str:
    return f"{number} {encode(command).hex()}\n"


class Life:
    def __init__(self, directory: Path):
        self.time = 0
        journal = Journal(directory / "journal", IDENTITY, SEGMENT_BYTES)
        self.engine = Exchange(WINDOWS)
        self.sequencer = Sequencer(
            journal,
            self.engine,
            new_batcher(),
            Archive(directory / "batches"),
            lambda: self.time,
            POLICY,
        )

    async def run(self) -> None:
        await self.sequencer.start()
        say(f"ready {self.sequencer.sequence} {self.engine.state_hash().hex()}")
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async with asyncio.TaskGroup() as tasks:
            while line := await reader.readline():
                number, what, *rest = line.decode().split()
                if what == "time":
                    self.time = int(rest[0])
                    continue
                command: Command = msgspec.msgpack.decode(bytes.fromhex(what), type=AnyCommand)
                tasks.create_task(self.serve(int(number), command))
        await self.sequencer.stop()
        say(f"end {self.sequencer.sequence} {self.engine.state_hash().hex()}")

    async def serve(self, number: int, command: Command) -> None:
        try:
            answer: list[Event] | Exception = await self.sequencer.submit(command)
        except ChainError as error:
            answer = error
        say(f"ack {number} {digest_of(answer)}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(Life(Path(sys.argv[1])).run())
