"""Proofs of an account: from a gateway, or rebuilt from the chain's logs when nobody answers."""

from dataclasses import dataclass
from typing import Any

import click

from matcher.chain.deployment import Deployment


@dataclass(frozen=True)
class Proof:
    """What ``Vault.claim`` and ``Vault.freeze`` take; tuples as web3 encodes them."""

    batch: int
    header: tuple[bytes, ...]
    leaf: list[bytes]
    path: tuple[int, list[bytes]]

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.header, self.leaf, self.path


EMPTY_HEADER = (bytes(32),) * 6


def from_gateway(answer: dict[str, Any]) -> Proof:
    """``GET /v1/accounts/{account}/proof``, which the client has verified."""
    names = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
    path = answer["path"]
    return Proof(
        batch=int(answer["batch"]),
        header=tuple(bytes.fromhex(answer["header"][name][2:]) for name in names),
        leaf=[bytes.fromhex(word[2:]) for word in answer["leaf"]],
        path=(int(path["present"]), [bytes.fromhex(s[2:]) for s in path["siblings"]]),
    )


def from_chain(deployment: Deployment, account: int, final: bool) -> Proof:
    """Execute every committed batch again, up to the newest final one or the head.

    Needs nothing but a node of the chain: this is how one leaves when the operator is gone.
    """
    from matcher.chain.audit.records import read_records
    from matcher.reference.chain import Chain
    from matcher.reference.leaf import leaf_words
    from matcher.reference.records import BatchCommitted
    from matcher.reference.replay import Auditor

    w3 = deployment.w3
    newest = w3.eth.get_block("latest")
    facts = read_records(w3, deployment, newest["number"])
    auditor = Auditor(Chain.of(facts))
    final_after = deployment.windows.final_after
    for fact in facts:
        if (
            final
            and isinstance(fact, BatchCommitted)
            and fact.at + final_after > newest["timestamp"]
        ):
            break
        auditor.take(fact)
    header = auditor.head
    if auditor.state.root() != header.state_root:
        raise click.ClickException(f"batch {header.id} holds a lie: its root does not follow")
    encoded = header.encode()
    words = leaf_words(auditor.state.account(account))
    path = auditor.state.tree.path(account)
    return Proof(
        batch=header.id,
        header=tuple(encoded[32 * i : 32 * i + 32] for i in range(6)),
        leaf=[word.to_bytes(32, "big") for word in words],
        path=(path.present, list(path.siblings)),
    )
