"""anvil makes blocks when somebody sends something; so does nobody else's claim come on time.

What was due since the newest block, a claim or a freeze, was refused before it was sent: its gas
was estimated at the time of that block. Now the pending block is asked, too.
"""

import pytest

from matcher.chain.deployment import send
from matcher.errors import ChainError
from tests.support.anvil import running_anvil
from tests.support.chain import account


def reverts_before(time: int) -> bytes:
    """Creation code of a contract that reverts before a time."""
    runtime = bytes.fromhex(f"64{time:010x}4210600c57005b5f5ffd")
    return bytes.fromhex("6f") + runtime + bytes.fromhex("5f5260106010f3")


def test_transaction_due_since_the_newest_block_is_sent(artifacts: object) -> None:
    sender = account("sender")
    with running_anvil() as anvil:
        anvil.rich(sender)
        due = anvil.now + 1000
        receipt = send(anvil.w3, sender, data=reverts_before(due))
        contract = receipt["contractAddress"]
        with pytest.raises(ChainError, match="reverts"):
            send(anvil.w3, sender, to=contract)
        anvil.rpc("evm_increaseTime", 2000)
        assert anvil.now < due
        assert send(anvil.w3, sender, to=contract)["status"] == 1
