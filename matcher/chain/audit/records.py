"""Logs to the reference model's records."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from web3 import Web3

from matcher.blobs.sources import DevelopmentNode, Sources
from matcher.chain import bodies
from matcher.chain.bodies import Bodies
from matcher.chain.deployment import Deployment
from matcher.chain.logs import Log, LogReader, address_bytes
from matcher.reference import records as r
from matcher.reference.header import decode

_PLAIN: Final[dict[str, Callable[[Log], r.Record]]] = {
    "MarketListed": lambda e: r.MarketListed(
        e.args["market"], e.args["name"], e.args["tickValue"], e.args["strikeValue"]
    ),
    "FeesSet": lambda e: r.FeesSet(
        market=e.args["market"],
        old_taker=e.args["oldTaker"],
        old_maker=e.args["oldMaker"],
        new_taker=e.args["newTaker"],
        new_maker=e.args["newMaker"],
        active_at=e.args["activeAt"],
    ),
    "ExpiryOpened": lambda e: r.ExpiryOpened(e.args["market"], e.args["expiry"], e.args["cap"]),
    "InstrumentListed": lambda e: r.InstrumentListed(
        e.args["instrument"],
        e.args["market"],
        e.args["kind"],
        e.args["expiry"],
        e.args["strike"],
        e.args["symbol"],
    ),
    "PriceFixed": lambda e: r.PriceFixed(
        e.args["market"], e.args["expiry"], e.args["price"], e.args["fixedAt"]
    ),
    "Opened": lambda e: r.AccountOpened(e.args["account"], address_bytes(e.args["owner"])),
    "Deposited": lambda e: r.Deposited(
        e.args["account"], e.args["deposited"], e.args["amount"], e.time
    ),
    "Asked": lambda e: r.Asked(e.args["account"], e.args["asks"], e.time),
    "OrdersUntilSet": lambda e: r.OrdersUntilSet(e.args["account"], e.args["ordersUntil"], e.time),
    "KeySet": lambda e: r.KeySet(
        e.args["account"],
        address_bytes(e.args["key"]),
        e.args["validFrom"],
        e.args["validUntil"],
        e.time,
    ),
    "BatchReverted": lambda e: r.BatchReverted(e.args["id"], e.args["batchHash"], e.time),
    "Claimed": lambda e: r.Claimed(e.args["account"], e.args["amount"], e.args["claimed"], e.time),
    "Frozen": lambda e: r.Frozen(e.args["account"], e.time),
}
NAMES: Final = frozenset({*_PLAIN, *bodies.NAMES})


def read_records(
    w3: Web3, deployment: Deployment, last: int, sources: Sources | None = None
) -> list[r.Record]:
    """Everything that the chain says up to a block, in its order.

    Blobs come from the sources; by default from the node, as far as it is one for development.
    """
    logs = LogReader(w3, deployment).read(deployment.genesis_block, last, NAMES)
    found = Bodies(sources or Sources([DevelopmentNode(w3)]))
    return [deployed_of(deployment), *records_of(logs, found)]


def deployed_of(deployment: Deployment) -> r.Deployed:
    """The first record."""
    return r.Deployed(
        windows=deployment.windows,
        deployed_at=deployment.genesis_built_at,
        chain_id=deployment.chain_id,
        registry=address_bytes(deployment.registry.address),
    )


def records_of(logs: Iterable[Log], found: Bodies) -> Iterator[r.Record]:
    """Logs in the order of the chain as records; `found` keeps what they leave open."""
    for log in logs:
        found.take(log)
        if log.name in _PLAIN:
            yield _PLAIN[log.name](log)
        elif log.name == "BatchCommitted" and log.args["id"]:  # batch 0 is genesis
            header = decode(b"".join(log.args["header"]))
            words, rest = found.of(log)
            yield r.BatchCommitted(header, log.args["batchHash"], words, log.time, rest)
