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
    from matcher.chain.audit.exits import read_exit

    found = read_exit(deployment.w3, deployment, account)
    shown = found.final if final else found.newest
    if not (final or found.is_head(shown)):
        raise click.ClickException(f"batch {found.head} holds a lie: its root does not follow")
    return Proof(shown.batch, *shown.arguments())
