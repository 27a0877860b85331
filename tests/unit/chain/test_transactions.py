import random
from typing import Any

import pytest
from web3.exceptions import Web3RPCError

from matcher.chain.fees import Fees
from matcher.chain.transactions import NonceUsed, Sender, Underpriced, gas_limit
from matcher.reference.words import pack_chunk
from tests.support.chain import calldata
from tests.support.exchange import Exchange


@pytest.mark.parametrize(("chunks", "bits"), [(1, 0), (1, 248), (10, 248), (100, 248), (100, 60)])
def test_gas_limit_of_a_commit_is_enough_for_any_words(
    exchange: Exchange, chunks: int, bits: int
) -> None:
    rng, chain = random.Random(chunks), exchange.chain
    words = []
    for _ in range(chunks):
        ops = [rng.getrandbits(bits) if bits else 0 for _ in range(30)]
        words += [*ops, *pack_chunk([], rng.randbytes(32))[30:]]
    anchor = (chain.height, chain.block_hash(chain.height))
    extra = rng.randbytes(32)
    call = exchange.registry.functions.commit(chain.now - 1, exchange.parent, *anchor, extra, words)
    limit = gas_limit(calldata(call), len(words))
    used = chain.send(exchange.roles.operator, call).gas
    assert used <= limit
    assert limit <= 1 << 24


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("replacement transaction underpriced", Underpriced),
        ("transaction underpriced: tip needed 1, tip permitted 0", Underpriced),
        ("nonce too low: next nonce 5, tx nonce 4", NonceUsed),
        ("insufficient funds for gas * price + value", Web3RPCError),
        ("already known", None),
        ("transaction already imported", None),
    ],
)
def test_sender_understands_what_nodes_answer(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, text: str, raised: type[Exception] | None
) -> None:
    w3 = exchange.chain.w3
    sender = Sender(w3, exchange.roles.operator, exchange.deployment.chain_id)
    signed = sender.sign(exchange.registry.address, b"", 0, 100_000, Fees(1, 2))

    def refuse(_: Any) -> Any:
        raise Web3RPCError(text)

    monkeypatch.setattr(w3.eth, "send_raw_transaction", refuse)
    if raised is None:
        sender.broadcast(signed)
    else:
        with pytest.raises(raised):
            sender.broadcast(signed)
