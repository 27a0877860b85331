"""Logs to the reference model's records."""

from collections.abc import Callable, Iterator
from typing import Final

from web3 import Web3

from matcher.chain.deployment import Deployment
from matcher.chain.logs import Log, LogReader, address_bytes
from matcher.errors import ChainError
from matcher.reference import records as r
from matcher.reference.header import decode

Words = dict[int, tuple[int, ...]]  # by batch, of bodies whose commit was not met yet

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
NAMES: Final = frozenset({*_PLAIN, "BatchBody", "BatchCommitted"})


def read_records(w3: Web3, deployment: Deployment, last: int) -> list[r.Record]:
    """Everything that the chain says up to a block, in its order."""
    deployed = r.Deployed(
        windows=deployment.windows,
        deployed_at=deployment.genesis_built_at,
        chain_id=deployment.chain_id,
        registry=address_bytes(deployment.registry.address),
    )
    logs = LogReader(w3, deployment).read(deployment.genesis_block, last, NAMES)
    return [deployed, *_records(logs)]


def _records(logs: list[Log]) -> Iterator[r.Record]:
    bodies: Words = {}
    for log in logs:
        if log.name == "BatchBody":
            bodies[log.args["id"]] = tuple(log.args["words"])
        elif log.name == "BatchCommitted":
            if log.args["id"]:  # batch 0 is genesis
                yield _committed(log, bodies)
        else:
            yield _PLAIN[log.name](log)


def _committed(log: Log, bodies: Words) -> r.BatchCommitted:
    batch_id = log.args["id"]
    if batch_id not in bodies:
        raise ChainError(
            f"batch {batch_id} in block {log.block}: no body; the node does not show every log"
        )
    header = decode(b"".join(log.args["header"]))
    return r.BatchCommitted(header, log.args["batchHash"], bodies.pop(batch_id), log.time)
