"""The product's own transactions, measured by the gas lab under any schedule.

A story (stories.py) drives an exchange on the tests' chain, which is plain py-evm on Prague. Each
transaction that it takes note of is then executed once more for every schedule: on the state that
it found, in its own block, by the lab's machine. So one story gives the same signed transactions
under all schedules; and as plain py-evm charged the sender too, the lab's Prague is refereed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth.vm.chain_context import ChainContext
from eth_account import Account
from eth_account.signers.local import LocalAccount

from gaslab.evm import measuring, vm_for
from gaslab.measurement import Measurement
from gaslab.run import case_of
from gaslab.schedule import Schedule, load_schedules
from gaslab.snapshot import Row, row_of
from matcher.chain.artifacts import Artifacts
from tests.support.chain import Chain, Receipt
from tests.support.exchange import Exchange, Roles, listed_exchange

EXPERIMENT = "product"  # of the rows


@dataclass(frozen=True)
class Flow:
    """One transaction of a user, measured.

    Attributes
    ----------
    name : str
        The rows' variant.
    size : int
        What it carries: fills of a commit, instruments of a listing, else 1.
    receipt : Receipt
        Of the plain chain.
    measured : dict of str to Measurement
        By schedule.
    """

    name: str
    size: int
    receipt: Receipt
    measured: dict[str, Measurement]

    @property
    def on_prague(self) -> Measurement:
        return self.measured["prague"]

    def rows(self) -> Iterator[Row]:
        """A row for each schedule."""
        for schedule, one in self.measured.items():
            yield row_of(
                case_of(
                    EXPERIMENT,
                    self.name,
                    self.size,
                    schedule,
                    [one],
                    creation=one if one.contract else None,
                )
            )


@dataclass
class Stage:
    """What a story plays on.

    Attributes
    ----------
    exchange : Exchange
        Listed, with an operator and rich traders; the story's own.
    schedules : sequence of Schedule
    flows : list of Flow
        What the story has noted so far.
    """

    exchange: Exchange
    schedules: Sequence[Schedule]
    flows: list[Flow] = field(default_factory=list)

    @property
    def chain(self) -> Chain:
        return self.exchange.chain

    @property
    def roles(self) -> Roles:
        return self.exchange.roles

    def send(self, name: str, sender: LocalAccount, call: Any, *, size: int = 1) -> Flow:
        """Send a transaction and note it."""
        return self.note(name, self.chain.send(sender, call), size=size)

    def receipt(self, number: int) -> Receipt:
        """Of the transaction in a block that was made by others; empty if there is none."""
        block = self.chain.evm.get_canonical_block_by_number(number)
        if not block.transactions:
            return Receipt(0, [], number, block.header.timestamp, b"", None, b"")
        (transaction,) = block.transactions
        found = self.chain.w3.eth.get_transaction_receipt(transaction.hash)
        return Receipt(
            gas=found["gasUsed"],
            events=[],
            block=number,
            time=block.header.timestamp,
            output=b"",
            created=found["contractAddress"],
            hash=bytes(transaction.hash),
        )

    def note(
        self, name: str, receipt: Receipt, *, size: int = 1, signer: LocalAccount | None = None
    ) -> Flow:
        """Measure a transaction that the chain has made; for `signer` see `again`.

        Raises
        ------
        AssertionError
            The lab does not charge what plain py-evm charged, or it fails under a schedule.
        """
        measured = {
            schedule.name: again(self.chain, receipt.block, schedule, signer=signer)
            for schedule in self.schedules
        }
        for schedule, one in measured.items():
            assert one.success, f"{name} under {schedule}: {one.error}"
        if "prague" in measured:
            found, charged = measured["prague"].gas, receipt.gas
            assert found == charged, f"{name}: the lab says {found} gas, py-evm took {charged}"
        flow = Flow(name, size, receipt, measured)
        self.flows.append(flow)
        return flow


Story = Callable[[Stage], None]


def again(
    chain: Chain, number: int, schedule: Schedule, *, signer: LocalAccount | None = None
) -> Measurement:
    """Execute the transaction of a block once more, by a schedule; the chain does not change.

    Parameters
    ----------
    signer : LocalAccount or None
        Signs it anew, with as much gas as the schedule lets a transaction have. Contracts are
        deployed with a gas limit that draft schedules refuse.
    """
    block = chain.evm.get_canonical_block_by_number(number)
    (transaction,) = block.transactions
    parent = chain.evm.get_canonical_block_header_by_number(number - 1)
    header = block.header.copy(state_root=parent.state_root, gas_used=0)
    if signer is not None:
        transaction = _signed_anew(chain, transaction, signer, schedule)
        header = header.copy(gas_limit=max(header.gas_limit, transaction.gas))
    vm = vm_for(schedule)(
        header=header,
        chaindb=chain.evm.chaindb,
        chain_context=ChainContext(chain.evm.chain_id),
        consensus_context=chain.evm.consensus_context,
    )
    with measuring(type(vm)) as found:
        vm.state.apply_transaction(transaction)
    (measurement,) = found
    return replace(measurement, raw=bytes(transaction.encode()))


def _signed_anew(chain: Chain, transaction: Any, signer: LocalAccount, schedule: Schedule) -> Any:
    fields = {
        "chainId": chain.evm.chain_id,
        "nonce": transaction.nonce,
        "gas": schedule.block_gas_limit if schedule.state_gas else transaction.gas,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
        "data": bytes(transaction.data),
        "value": transaction.value,
    }
    signed = Account.sign_transaction(fields, signer.key)
    builder = chain.evm.get_vm().get_transaction_builder()
    return builder.decode(signed.raw_transaction)


def new_exchange(artifacts: Artifacts, roles: Roles) -> Exchange:
    """A listed exchange on a chain of its own: time and nonces are always the same."""
    chain = Chain(artifacts, [account.address for account in roles.everybody()])
    return listed_exchange(chain, roles)


def play(story: Story, exchange: Exchange, schedules: Sequence[Schedule]) -> list[Flow]:
    """Play a story; the exchange is as before afterwards."""
    stage = Stage(exchange.clone(), schedules)
    with exchange.chain.passing():
        story(stage)
    return stage.flows


def rows_of(
    stories: Sequence[Story], artifacts: Artifacts, schedules: Sequence[Schedule] | None = None
) -> Iterator[list[Row]]:
    """Rows of stories, one after the other, on one exchange."""
    exchange = new_exchange(artifacts, Roles())
    chosen = load_schedules() if schedules is None else schedules
    for story in stories:
        yield [row for flow in play(story, exchange, chosen) for row in flow.rows()]
