"""The product's flows as scenarios that any engine can run.

python -m tests.gaslab.crosscheck.product .build/crosscheck/product.jsonl

A flow's transaction comes with as much of the state before it as it needs: the accounts that it
touches, and their slots that it reads or writes. That this is enough is seen from the lab charging
the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth.vm.chain_context import ChainContext
from eth_account.signers.local import LocalAccount

from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import Genesis, Scenario, Sent
from gaslab.evm import vm_for
from gaslab.evm.envelope import decode
from gaslab.measurement import Measurement
from gaslab.schedule import OPCODES, Schedule, load_schedule, load_schedules
from matcher.chain.artifacts import Artifacts, load
from scripts.compile import compile_contracts
from tests.gas import stories
from tests.gas.flows import Flow, Stage, new_exchange
from tests.support.chain import Receipt
from tests.support.exchange import Roles

BLOCKHASH = OPCODES["BLOCKHASH"]


@dataclass
class Recording(Stage):
    """A stage that also keeps each flow as a scenario, under each schedule."""

    scenarios: list[Scenario] = field(default_factory=list)

    def note(
        self, name: str, receipt: Receipt, *, size: int = 1, signer: LocalAccount | None = None
    ) -> Flow:
        flow = super().note(name, receipt, size=size, signer=signer)
        for schedule in self.schedules:
            one = flow.measured[schedule.name]
            self.scenarios.append(self._scenario(flow, one, schedule))
        return flow

    def _scenario(self, flow: Flow, one: Measurement, schedule: Schedule) -> Scenario:
        evm = self.chain.evm
        header = evm.get_canonical_block_by_number(flow.receipt.block).header
        before = self._state_before(flow.receipt.block, schedule)
        after = self._state_before(flow.receipt.block, schedule)
        after.apply_transaction(decode(one.raw))
        slots = frozenset(after.meter.warm_slots)
        sent = Sent(
            one.raw,
            header.block_number,
            header.timestamp,
            header.coinbase,
            header.mix_hash,
            header.base_fee_per_gas,
            schedule.block_gas_limit,
            flow.name,
        )
        return Scenario(
            f"product/{flow.name}/n={flow.size}/{schedule.name}",
            schedule.name,
            evm.chain_id,
            {
                address: Genesis(
                    before.get_balance(address),
                    before.get_nonce(address),
                    before.get_code(address),
                    {slot: before.get_storage(at, slot) for at, slot in slots if at == address},
                )
                for address in after.meter.warm_accounts
                if before.account_exists(address)
            },
            (sent,),
            slots,
            self._hashes(header.block_number) if after.meter.counts[BLOCKHASH] else {},
        )

    def _hashes(self, number: int) -> dict[int, bytes]:
        evm = self.chain.evm
        return {
            earlier: evm.get_canonical_block_header_by_number(earlier).hash
            for earlier in range(max(number - 256, 0), number)
        }

    def _state_before(self, number: int, schedule: Schedule) -> Any:
        """As the block's transaction found it."""
        evm = self.chain.evm
        parent = evm.get_canonical_block_header_by_number(number - 1)
        header = evm.get_canonical_block_by_number(number).header
        vm = vm_for(schedule)(
            header=header.copy(
                state_root=parent.state_root,
                gas_used=0,
                gas_limit=schedule.block_gas_limit,
            ),
            chaindb=evm.chaindb,
            chain_context=ChainContext(evm.chain_id),
            consensus_context=evm.consensus_context,
        )
        return vm.state


def scenarios(artifacts: Artifacts, told: Any = stories.STORIES) -> Iterator[Scenario]:
    """Of all flows of stories, under all schedules.

    Raises
    ------
    AssertionError
        The lab does not charge on the part of the state what it charged on the whole.
    """
    exchange = new_exchange(artifacts, Roles())
    for story in told:
        stage = Recording(exchange.clone(), load_schedules())
        with exchange.chain.passing():
            story(stage)
        gas = [one.gas for flow in stage.flows for one in flow.measured.values()]
        for scenario, charged in zip(stage.scenarios, gas, strict=True):
            (outcome,) = Lab(load_schedule(scenario.fork)).answer(scenario).outcomes
            assert outcome.gas == charged, f"{scenario.name}: {outcome}, not {charged}"
            yield scenario


def main(path: Path) -> None:
    compile_contracts()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for one in scenarios(load()):
            file.write(json.dumps({"name": one.name, **one.to_json()}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
