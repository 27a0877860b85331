"""S1 and S6 on a chain: what the Vault holds covers everything, and nothing is paid twice.

A machine lives the life of an exchange by real transactions: deposits, asks, trades, transfers,
withdrawals and releases in honest batches, claims against any batch, reverts, a settlement. At the
end somebody freezes it, all claim what is due, and exactly nothing is left.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from matcher.reference.faults import InvalidOp, MarginBroken
from matcher.reference.words import Credit, Fill, Op, Release, Settle, Transfer, Withdraw
from tests.support.chain import ETHER, Reverted, reverts
from tests.support.exchange import CAP, EXPIRY, MARKET, TOKENS, Batch, Exchange

ACCOUNTS = (2, 3, 4)  # two of the maker, one of the taker
EVERYBODY = (0, *ACCOUNTS)
AMOUNT = st.integers(1, 300 * TOKENS)
ANY_ACCOUNT = st.sampled_from(ACCOUNTS)


class Life(RuleBasedStateMachine):
    """One life of the exchange; `exchange` is given by the test."""

    exchange: Exchange

    def __init__(self) -> None:
        super().__init__()
        self.before = self.exchange.chain.snapshot()
        self.x = self.exchange.clone()
        self.chain = self.x.chain
        self.order = 0
        self.deposited = dict.fromkeys(EVERYBODY, 0)  # atoms
        self.paid = dict.fromkeys(EVERYBODY, 0)
        self.reverted: list[Batch] = []

    def owner(self, index: int) -> Any:
        roles = self.x.roles
        return {0: roles.fees, 2: roles.maker, 3: roles.maker, 4: roles.taker}[index]

    def next_order(self) -> int:
        self.order += 1
        return self.order

    @initialize()
    def begin(self) -> None:
        for index in ACCOUNTS:
            assert self.x.open(self.owner(index), 500 * TOKENS) == index
            self.deposited[index] = 500 * TOKENS
        self.x.credit(*ACCOUNTS)

    # --- traders

    @rule(index=ANY_ACCOUNT, amount=AMOUNT)
    def deposit(self, index: int, amount: int) -> None:
        self.x.deposit(self.owner(index), index, amount)
        self.deposited[index] += amount

    @rule(index=st.sampled_from(EVERYBODY))
    def ask(self, index: int) -> None:
        self.x.ask(self.owner(index), index)

    # --- the operator

    def commit(self, *ops: Op) -> None:
        """Commit one chunk; what the model refuses (margin, mostly) does not happen."""
        try:
            self.x.commit(list(ops))
        except (InvalidOp, MarginBroken):
            return

    @rule(index=ANY_ACCOUNT)
    def credit(self, index: int) -> None:
        missing = self.deposited[index] - self.x.state.account(index).credited
        if missing:
            self.commit(Credit(index, missing))

    @rule(index=st.sampled_from(EVERYBODY))
    def release(self, index: int) -> None:
        asks = self.x.context.asks.get(index, 0)
        if asks > self.x.state.account(index).served:
            self.x.context.built_at = self.chain.now - 1
            worst = self.x.state.worst(index, self.x.context)
            self.commit(Release(index, max(0, worst), asks))

    @rule(index=st.sampled_from(EVERYBODY), amount=AMOUNT)
    def withdraw(self, index: int, amount: int) -> None:
        self.commit(Withdraw(index, amount, self.next_order()))

    @rule(source=ANY_ACCOUNT, to=st.sampled_from(EVERYBODY), amount=AMOUNT)
    def transfer(self, source: int, to: int, amount: int) -> None:
        if source != to:
            self.commit(Transfer(source, to, amount, self.next_order()))

    @rule(
        taker=ANY_ACCOUNT,
        maker=ANY_ACCOUNT,
        instrument=st.integers(1, 4),
        tick=st.integers(0, 400_000),
        lots=st.integers(1, 3),
        sells=st.booleans(),
    )
    def fill(
        self, taker: int, maker: int, instrument: int, tick: int, lots: int, sells: bool
    ) -> None:
        if taker != maker:
            ids = self.next_order(), self.next_order()
            self.commit(Fill(int(sells), taker, maker, instrument, tick, lots, *ids))

    @rule(seconds=st.integers(1, 2000))
    def wait(self, seconds: int) -> None:
        self.chain.travel(seconds)

    @precondition(lambda self: len(self.x.batches) > 2)
    @rule(back=st.integers(1, 3))
    def revert(self, back: int) -> None:
        """The prover reverts up to three batches, if they are not final; a new operator follows."""
        position = max(0, len(self.x.batches) - 1 - back)
        lie = self.x.batches[position + 1]
        if self.chain.now >= lie.committed_at + self.x.windows.final_after:
            with reverts("BatchIsFinal", lie.header.id, self.final_at(lie)):
                self.x.revert_to(self.x.batches[position])
            return
        self.reverted += self.x.batches[position + 1 :]
        self.x.revert_to(self.x.batches[position])
        registry, roles = self.x.registry.functions, self.x.roles
        added = self.chain.send(roles.owner, registry.addOperator(roles.operator.address))
        index = added.event("OperatorAdded")["index"]
        self.chain.send(roles.operator, registry.addBond(index), value=ETHER)
        self.chain.send(roles.owner, registry.setOperator(index))

    @precondition(lambda self: (MARKET, EXPIRY) not in self.x.context.prices)
    @rule(price=st.integers(0, CAP))
    def settle(self, price: int) -> None:
        self.x.settle(price)
        self.chain.travel(1)

    @precondition(lambda self: (MARKET, EXPIRY) in self.x.context.prices)
    @rule(index=ANY_ACCOUNT)
    def settle_positions(self, index: int) -> None:
        self.commit(Settle(index, MARKET, EXPIRY))

    # --- money out

    def final_at(self, batch: Batch) -> int:
        return batch.committed_at + self.x.windows.final_after

    def is_final(self, batch: Batch) -> bool:
        return self.chain.now >= self.final_at(batch)

    def claim(self, index: int, batch: Batch) -> int:
        """Claim, and book what the token says was moved; the amount."""
        account = self.owner(index).address
        before = self.x.balance(account)
        self.x.claim(self.x.roles.challenger, index, batch)
        paid = self.x.balance(account) - before
        self.paid[index] += paid
        return paid

    def claim_what_is_due(self, index: int, batch: Batch) -> None:
        """Of a final batch what it let out and was not paid yet, of another nothing."""
        if not self.is_final(batch):
            with reverts("HeaderNotFinal", 1):
                self.x.claim(self.x.roles.challenger, index, batch)
            return
        due = max(0, batch.state.account(index).exited - self.paid[index])
        assert self.x.claimable(index, batch) == due
        assert self.claim(index, batch) == due
        if due:
            assert self.claim(index, batch) == 0

    @rule(index=st.sampled_from(EVERYBODY), back=st.integers(0, 9))
    def claim_against_any_batch(self, index: int, back: int) -> None:
        self.claim_what_is_due(index, self.x.batches[max(0, len(self.x.batches) - 1 - back)])

    @rule(index=st.sampled_from(EVERYBODY))
    def claim_against_the_head_at_once(self, index: int) -> None:
        self.claim_what_is_due(index, self.x.head)

    @rule(index=st.sampled_from(EVERYBODY))
    def claim_against_the_head_when_final(self, index: int) -> None:
        self.x.finalize()
        self.claim_what_is_due(index, self.x.head)

    @precondition(lambda self: self.reverted)
    @rule(index=st.sampled_from(EVERYBODY), back=st.integers(0, 9))
    def claim_against_a_reverted_batch(self, index: int, back: int) -> None:
        batch = self.reverted[max(0, len(self.reverted) - 1 - back)]
        with pytest.raises(Reverted) as caught:
            self.x.claim(self.x.roles.challenger, index, batch)
        # Reverted, or unknown once another batch has taken its place in the ring.
        assert caught.value.revert.name == "HeaderNotFinal"
        assert caught.value.revert.args[0] in (0, 3)

    # --- what must always hold

    @invariant()
    def vault_counts_what_it_holds(self) -> None:
        held = sum(self.deposited.values()) - sum(self.paid.values())
        assert self.x.total() == self.x.balance(self.x.vault.address) == held

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """INV-S6: what was paid is what the newest final state let out, at most."""
        final = max((b for b in self.x.batches if self.is_final(b)), key=lambda b: b.header.id)
        for index in EVERYBODY:
            assert self.paid[index] <= final.state.account(index).exited

    @invariant()
    def vault_covers_everything(self) -> None:
        """INV-S1 at the newest final state, at a common price: sums of positions are zero there."""
        final = max((b for b in self.x.batches if self.is_final(b)), key=lambda b: b.header.id)
        due = 0
        for index in EVERYBODY:
            account = final.state.account(index)
            due += account.exited - self.paid[index] + account.cash
            due += self.deposited[index] - account.credited
            due += self.worth(account.positions)
        assert self.x.total() >= due

    def worth(self, positions: dict[int, int]) -> int:
        price, _ = self.x.context.prices.get((MARKET, EXPIRY), (100 * TOKENS, 0))
        total = 0
        for index, lots in positions.items():
            item = self.x.context.instruments[index]
            strike = item.strike * TOKENS
            gain = price - strike if item.kind == 0 else strike - price
            total += max(0, gain) * lots
        return total

    def teardown(self) -> None:
        """Somebody freezes the exchange; all leave; nothing is left."""
        try:
            if self.deposited[2]:
                self.leave()
        finally:
            self.chain.revert(self.before)

    def leave(self) -> None:
        head = self.x.head
        self.x.ask(self.owner(2), 2)
        self.chain.at(max(self.chain.now, self.final_at(head)) + self.x.windows.freeze)
        self.x.freeze(self.owner(2), 2, head)
        for older in self.x.batches[-4:-1]:  # final, but not the head: exits alone
            for index in EVERYBODY:
                self.claim_what_is_due(index, older)
        for index in EVERYBODY:
            self.claim(index, head)
        if (MARKET, EXPIRY) not in self.x.context.prices:
            self.x.settle(123 * TOKENS)
        for index in EVERYBODY:
            self.claim(index, head)
        assert self.x.total() == self.x.balance(self.x.vault.address) == 0
        assert sum(self.paid.values()) == sum(self.deposited.values())


def test_inv_s1_s6_vault_covers_everything_and_pays_nothing_twice(exchange: Exchange) -> None:
    def life() -> Life:
        machine = type("Life", (Life,), {"exchange": exchange})
        return machine()

    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
