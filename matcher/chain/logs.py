"""The exchange's logs, decoded and in the order of the chain."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

import msgspec
from eth_abi.abi import decode
from sha3 import keccak_256
from web3 import Web3
from web3.exceptions import Web3RPCError
from web3.types import FilterParams, LogReceipt

from matcher.chain.artifacts import canonical, load
from matcher.chain.deployment import CONTRACTS, Deployment

SPAN: Final = 2_000  # blocks asked for at once; halved as long as the node says it is too much
_EMITTERS: Final = ("registry", "markets", "prices", "vault", "unauthorized_prover")


class Log(msgspec.Struct, frozen=True):
    """One decoded log.

    ``args`` holds what eth-abi makes of the arguments, by name: integers, strings, bytes, addresses
    as hexadecimal, structs as tuples.
    """

    name: str  # of the event
    args: dict[str, Any]
    block: int
    block_hash: bytes
    index: int  # in the block
    time: int  # of the block, seconds
    transaction: bytes  # hash


class _Kind(msgspec.Struct, frozen=True):
    """An event as the ABI describes it."""

    name: str
    indexed: tuple[tuple[str, str], ...]  # (name, type)
    plain: tuple[tuple[str, str], ...]

    def arguments(self, log: LogReceipt) -> dict[str, Any]:
        values = decode([kind for _, kind in self.plain], bytes(log["data"]))
        args = {name: value for (name, _), value in zip(self.plain, values, strict=True)}
        topics = log["topics"][1:]
        for (name, kind), topic in zip(self.indexed, topics, strict=True):
            args[name] = decode([kind], bytes(topic))[0]
        return args


class LogReader:
    """Reads the logs of the exchange's own contracts; the token's are nobody's facts.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    span : int
        Blocks asked for at once, at most.
    """

    def __init__(self, w3: Web3, deployment: Deployment, span: int = SPAN):
        self._w3 = w3
        self.span = span
        roles = {deployment.addresses[role]: role for role in _EMITTERS}
        self._addresses = list(roles)
        self._kinds = {
            (address, topic): kind
            for address, role in roles.items()
            for topic, kind in _kinds_of(CONTRACTS[role])
        }
        self._times: dict[bytes, int] = {}

    def read(self, first: int, last: int, names: Collection[str]) -> list[Log]:
        """Logs of the events with these names in blocks ``first`` to ``last``, both included.

        Raises
        ------
        Web3RPCError
            If the node refuses even a single block.
        """
        self._times.clear()
        topics = {"0x" + t.hex() for (_, t), kind in self._kinds.items() if kind.name in names}
        raw: list[LogReceipt] = []
        start, span = first, self.span
        while start <= last:
            end = min(last, start + span - 1)
            try:
                raw += self._fetch(start, end, sorted(topics))
            except Web3RPCError:
                if span == 1:
                    raise
                span = max(1, span // 2)
                continue
            start = end + 1
        raw.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
        return list(self._decoded(raw))

    def _fetch(self, first: int, last: int, topics: list[str]) -> list[LogReceipt]:
        question: dict[str, Any] = {
            "address": self._addresses,
            "fromBlock": first,
            "toBlock": last,
            "topics": [topics],
        }
        return self._w3.eth.get_logs(FilterParams(**question))  # type: ignore[typeddict-item]

    def _decoded(self, raw: list[LogReceipt]) -> Iterator[Log]:
        for log in raw:
            kind = self._kinds.get((log["address"], bytes(log["topics"][0])))
            if kind is None:
                continue  # another contract's event of the same name
            yield Log(
                name=kind.name,
                args=kind.arguments(log),
                block=log["blockNumber"],
                block_hash=bytes(log["blockHash"]),
                index=log["logIndex"],
                time=self._time_of(log),
                transaction=bytes(log["transactionHash"]),
            )

    def _time_of(self, log: LogReceipt) -> int:
        """Time of the log's block: newer nodes say it with the log."""
        stated: Any = log.get("blockTimestamp")
        if stated is not None:
            return int(stated, 16) if isinstance(stated, str) else int(stated)
        block_hash = log["blockHash"]
        if bytes(block_hash) not in self._times:
            self._times[bytes(block_hash)] = self._w3.eth.get_block(block_hash)["timestamp"]
        return self._times[bytes(block_hash)]


def _kinds_of(contract: str) -> Iterator[tuple[bytes, _Kind]]:
    """The events of a contract, each with its topic."""
    for item in load().get(contract).abi:
        if item["type"] == "event":
            inputs = item["inputs"]
            types = ",".join(map(canonical, inputs))
            topic = bytes(keccak_256(f"{item['name']}({types})".encode()).digest())
            yield (
                topic,
                _Kind(
                    item["name"],
                    _named(inputs, lambda argument: bool(argument["indexed"])),
                    _named(inputs, lambda argument: not argument["indexed"]),
                ),
            )


def _named(
    inputs: list[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]
) -> tuple[tuple[str, str], ...]:
    return tuple((item["name"], canonical(item)) for item in inputs if wanted(item))


def address_bytes(text: str) -> bytes:
    """20 bytes of an address in hexadecimal."""
    return bytes.fromhex(text.removeprefix("0x"))
