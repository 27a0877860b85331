"""The lab behind the door of the engines."""

from __future__ import annotations

from collections.abc import Mapping

from eth._utils.generator import CachedIterable
from eth.vm.execution_context import ExecutionContext

from gaslab.crosscheck.scenario import Answer, Outcome, Scenario, Sent, logs_digest, refusal
from gaslab.environment import Environment
from gaslab.errors import InputError, TransactionRefused
from gaslab.evm.world import Account
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule


class _Chain(Environment):
    """An environment that knows the hashes of earlier blocks."""

    hashes: Mapping[int, bytes]

    def _context(self) -> ExecutionContext:
        found = super()._context()
        if getattr(self, "hashes", None):
            earlier = range(self.number - 1, max(self.number - 257, -1), -1)
            found._prev_hashes = CachedIterable(
                self.hashes.get(number, bytes(32)) for number in earlier
            )
        return found


class Lab:
    """Answers scenarios under one schedule.

    Attributes
    ----------
    measurements : list of Measurement
        Of the last scenario's transactions that were not refused.
    """

    name = "lab"

    def __init__(self, schedule: Schedule):
        self.schedule = schedule
        self.measurements: list[Measurement] = []

    def answer(self, scenario: Scenario) -> Answer:
        """What the lab makes of a scenario."""
        chain = self.genesis(scenario)
        self.measurements = []
        outcomes = tuple(self.outcome(chain, sent) for sent in scenario.transactions)
        values = {key: chain.storage(*key) for key in scenario.watch}
        return Answer(outcomes, {key: value for key, value in values.items() if value})

    def genesis(self, scenario: Scenario) -> Environment:
        chain = _Chain(self.schedule, chain_id=scenario.chain_id)
        chain.hashes = scenario.hashes
        chain.set_genesis(
            {
                address: Account(one.balance, one.nonce, one.code, dict(one.storage))
                for address, one in scenario.alloc.items()
            }
        )
        return chain

    def outcome(self, chain: Environment, sent: Sent) -> Outcome:
        """Run one transaction in the block that it is said to be in."""
        if sent.gas_limit != self.schedule.block_gas_limit:
            raise InputError("gas_limit", sent.gas_limit, str(self.schedule.block_gas_limit))
        chain.number, chain.timestamp = sent.number, sent.timestamp
        chain.coinbase, chain.prevrandao = sent.coinbase, sent.prevrandao
        chain.base_fee = sent.base_fee
        try:
            found = chain.send_raw(sent.raw, label=sent.label)
        except TransactionRefused as error:
            return refusal(str(error))
        self.measurements.append(found)
        return Outcome(found.gas, found.success, logs_digest(found.logs))
