"""S1, S6, S7 and S9 over lives in which operators lie and are convicted by real proofs.

A machine deposits, asks, commits honest batches and lies, builds on lies, proves them, hires new
operators, settles, claims, and in the end freezes and leaves. Nothing is decreed: every revert is a
proof that a follower of the logs has built.
"""

from __future__ import annotations

import copy
import os
from typing import Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from matcher.reference.faults import Fault as Rule
from matcher.reference.faults import InvalidOp, MarginBroken
from matcher.reference.judge import Unsigned, WrongTransition
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Fill, Nop, Op, Release, Settle, Transfer, Withdraw
from tests.support.acquittal import charges, convict
from tests.support.chain import ETHER
from tests.support.conviction import hire
from tests.support.exchange import BOND, CAP, EXPIRY, MARKET, TOKENS, Batch, Exchange, copy_state
from tests.support.liar import Liar, Told
from tests.support.lies.roots import changed
from tests.support.registry import balance
from tests.support.stage import Plan, Stage

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
USERS = (2, 3, 4)
EVERYBODY = (0, *USERS)
ANY_USER = st.sampled_from(USERS)
ANYBODY = st.sampled_from(EVERYBODY)
ALL_RULES = set(Rule)


class Life(RuleBasedStateMachine):
    """One life; `exchange` is given by the test."""

    exchange: Exchange

    def __init__(self) -> None:
        super().__init__()
        self.before = self.exchange.chain.snapshot()
        self.stage = Stage(self.exchange.clone())
        self.x = self.stage.x
        self.chain = self.x.chain
        self.orders = 0
        self.deposited = dict.fromkeys(EVERYBODY, 0)  # atoms
        self.paid = dict.fromkeys(EVERYBODY, 0)
        self.lie: Told | None = None  # the first that stands
        self.last: Told | None = None  # honest, the newest batch
        self.bonds = BOND  # wei, in the registry
        self.convicted = 0

    def owner(self, index: int) -> Any:
        roles = self.x.roles
        return {0: roles.fees, 2: roles.maker, 3: roles.taker, 4: roles.outsider}[index]

    @initialize()
    def begin(self) -> None:
        for index in USERS:
            assert self.x.open(self.owner(index), 500 * TOKENS) == index
            self.deposited[index] = 500 * TOKENS
        self.commit([Credit(index, 500 * TOKENS) for index in USERS])

    # --- traders

    # Not while a lie stands: a credit that nothing backed, or a release that nobody asked for, is
    # none any more once it is backed or asked for.

    @precondition(lambda self: self.lie is None)
    @rule(index=ANY_USER, amount=st.integers(1, 300 * TOKENS))
    def deposit(self, index: int, amount: int) -> None:
        self.x.deposit(self.owner(index), index, amount)
        self.deposited[index] += amount

    @precondition(lambda self: self.lie is None)
    @rule(index=ANYBODY)
    def ask(self, index: int) -> None:
        self.x.ask(self.owner(index), index)

    # --- operators

    def next_order(self) -> int:
        self.orders += 1
        return self.orders

    def commit(self, *chunks: list[Op], lies: Any = None) -> Told:
        """Commit, honestly unless `lies` changes the operator."""
        plan = Plan([list(ops) for ops in chunks], [], published=False)
        liar = Liar(self.stage, plan, copy.deepcopy(self.x.context), [])
        if lies is not None:
            lies(liar)
        told = liar.tell()
        (verdict,) = self.stage.watcher.look()
        if self.lie is not None:
            # It follows from a state that nothing leads to; from one with a broken margin it may.
            (first, *_) = self.stage.watcher.batch(self.lie.batch.header.id).verdict.findings
            assert not verdict.sound or not isinstance(first.proof, WrongTransition)
            self.last = None
        elif verdict.sound:
            self.last = told
        else:
            assert lies is not None, verdict.findings
            note(f"{verdict.findings[0]}")
            self.lie, self.last = told, None
        return told

    def honest_ops(self, data: Any) -> list[Op]:
        """A few ops that the rules and margin allow."""
        self.x.context.built_at = self.chain.now - 1
        ops: list[Op] = []
        for _ in range(data.draw(st.integers(0, 3))):
            ops.append(self.any_op(data))
            trial, before = copy_state(self.x.state), copy_state(self.x.state)
            try:
                trial.apply_ops(ops, self.x.context)
                touched = {i: before.account(i) for i in EVERYBODY}
                trial.require_margin(touched, ops, self.x.context)
            except (InvalidOp, MarginBroken):
                ops.pop()
        return ops

    def any_op(self, data: Any) -> Op:
        """Any op of these accounts; mostly a good one."""
        index, other = data.draw(st.permutations(USERS))[:2]
        amount = data.draw(st.integers(0, 200 * TOKENS))
        kind = data.draw(st.sampled_from((Credit, Fill, Withdraw, Transfer, Release, Settle)))
        account, context = self.x.state.account(index), self.x.context
        if kind is Credit:
            return Credit(index, self.deposited[index] - account.credited)
        if kind is Withdraw:
            return Withdraw(index, amount, self.next_order())
        if kind is Transfer:
            return Transfer(index, other, amount, self.next_order())
        if kind is Settle:
            return Settle(index, MARKET, EXPIRY)
        if kind is Release:
            worst = max(0, self.x.state.worst(index, context))
            return Release(index, worst, context.asks.get(index, 0))
        tick, lots = data.draw(st.integers(0, 400_000)), data.draw(st.integers(1, 3))
        instrument, sells = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 1))
        orders = self.next_order(), self.next_order()
        return Fill(sells, index, other, instrument, tick, lots, *orders)

    @rule(data=st.data(), chunks=st.integers(1, 2))
    def commit_honestly(self, data: Any, chunks: int) -> None:
        """Also on a lie, by an operator who believed it."""
        self.commit(self.honest_ops(data), *[[] for _ in range(chunks - 1)])

    @precondition(lambda self: self.lie is None)
    @rule(data=st.data())
    def commit_a_lie(self, data: Any) -> None:
        index = data.draw(ANYBODY)
        amount = data.draw(st.integers(1, 300 * TOKENS))
        field = data.draw(st.sampled_from(("cash", "exited", "credited", "served")))
        place, bit = data.draw(st.integers(0, 29)), data.draw(st.integers(0, 255))
        kind = data.draw(st.sampled_from(("root", "leaf", "op", "bit", "kept")))

        def tell(liar: Liar) -> None:
            if kind == "root":
                liar.roots[0] = keccak
            elif kind == "leaf":
                by = 1 if field == "served" else amount
                liar.effects[0] = lambda state: changed(state, index, **{field: by})
            elif kind == "bit":
                liar.spoiled[0, place] = lambda word: word ^ 1 << bit
            elif kind == "kept":
                asks = liar.facts.asks.get(index, 0) + 1
                liar.facts.asks[index] = asks
                liar.plan.chunks[0] = [Release(index, 0, asks)]
            else:
                liar.overlooked |= ALL_RULES
                op = self.bad_op(data, index, amount)
                liar.plan.put(0, len(liar.plan.chunks[0]), op)

        self.commit(self.honest_ops(data), lies=tell)

    def bad_op(self, data: Any, index: int, amount: int) -> Op:
        """An op that steals, in one way or another; sometimes it happens to be right."""
        missing = self.deposited[index] - self.x.state.account(index).credited
        return data.draw(
            st.sampled_from(
                (
                    Credit(index, missing + amount),
                    Withdraw(index, 10**9 * TOKENS, self.next_order()),
                    Transfer(index, index, amount, self.next_order()),
                    Transfer(index, 9, amount, self.next_order()),
                    Withdraw(index, amount, 1 << 47),
                    Fill(0, 2, 3, 4, 0, 0, self.next_order(), self.next_order()),
                    Nop(),
                )
            )
        )

    # --- the challenger

    @precondition(lambda self: self.lie is not None)
    @rule()
    def prove(self) -> None:
        """INV-S9: the first lie is convicted, and only who told it pays."""
        lie, x = self.lie, self.x
        assert lie is not None
        number = lie.batch.header.id
        finding = self.stage.watcher.batch(number).verdict.findings[0]
        assert finding.proof is not None
        assert not isinstance(finding.proof, Unsigned)
        receipt = self.stage.watcher.convict(x.roles.challenger, number, finding.proof)
        reverted = receipt.event("BatchReverted")
        assert reverted["id"] == number
        assert (reverted["reward"], reverted["burned"]) == (ETHER, BOND - ETHER)
        self.bonds -= BOND
        position = x.batches.index(lie.batch)
        del x.batches[position:]
        x.state = copy_state(lie.previous.state)
        self.lie = None
        self.convicted += 1
        self.stage.watcher.look()
        hire(x)
        self.bonds += BOND

    @precondition(lambda self: self.last is not None and self.lie is None)
    @rule(data=st.data())
    def accuse_the_honest(self, data: Any) -> None:
        """INV-S9: nothing that can be shown of an honest batch convicts it."""
        told = self.last
        assert told is not None
        if self.is_final(told.batch):
            return
        charge = data.draw(st.sampled_from(list(charges(told))))
        witness = bytearray(charge.witness)
        if data.draw(st.booleans()):
            witness[data.draw(st.integers(0, len(witness) - 1))] ^= 1 << data.draw(
                st.integers(0, 7)
            )
        name, _ = convict(told, charge.prover, bytes(witness))
        assert name == "NotGuilty" or bytes(witness) != charge.witness

    # --- time, prices, money

    @rule(seconds=st.integers(1, 500))
    def wait(self, seconds: int) -> None:
        """While a lie stands, not until it would be final: somebody watches."""
        if self.lie is not None:
            seconds = min(seconds, self.final_at(self.lie.batch) - self.chain.now - 60)
        if seconds > 0:
            self.chain.travel(seconds)

    @precondition(lambda self: self.lie is None and (MARKET, EXPIRY) not in self.x.context.prices)
    @rule(price=st.integers(0, CAP))
    def settle(self, price: int) -> None:
        self.x.settle(price)
        self.chain.travel(1)

    @rule(index=ANYBODY, back=st.integers(0, 4))
    def claim(self, index: int, back: int) -> None:
        """INV-S6: of a final batch what it let out and was not paid yet."""
        batch = self.x.batches[max(0, len(self.x.batches) - 1 - back)]
        if self.is_final(batch):
            due = max(0, batch.state.account(index).exited - self.paid[index])
            assert self.pay(index, batch) == due

    def pay(self, index: int, batch: Batch) -> int:
        account = self.owner(index).address
        before = self.x.balance(account)
        self.x.claim(self.x.roles.challenger, index, batch)
        paid = self.x.balance(account) - before
        self.paid[index] += paid
        return paid

    def final_at(self, batch: Batch) -> int:
        return batch.committed_at + self.x.windows.final_after

    def is_final(self, batch: Batch) -> bool:
        return self.chain.now >= self.final_at(batch)

    # --- what must always hold

    @invariant()
    def vault_holds_what_it_counts(self) -> None:
        """INV-S1: deposits less claims, whatever was lied and reverted meanwhile."""
        held = sum(self.deposited.values()) - sum(self.paid.values())
        assert self.x.total() == self.x.balance(self.x.vault.address) == held

    @invariant()
    def vault_covers_the_final_state(self) -> None:
        """INV-S1 and S6 at the newest final state, which no lie ever is."""
        final = max((b for b in self.x.batches if self.is_final(b)), key=lambda b: b.header.id)
        due = 0
        for index in EVERYBODY:
            account = final.state.account(index)
            assert self.paid[index] <= account.exited
            due += account.exited - self.paid[index] + account.cash + self.worth(account.positions)
            due += self.deposited[index] - account.credited
        assert self.x.total() >= due

    @invariant()
    def bonds_are_those_of_who_did_not_lie(self) -> None:
        """INV-S9."""
        assert balance(self.chain, self.x.registry.address) == self.bonds

    def worth(self, positions: dict[int, int]) -> int:
        price, _ = self.x.context.prices.get((MARKET, EXPIRY), (100 * TOKENS, 0))
        total = 0
        for index, lots in positions.items():
            item = self.x.context.instruments[index]
            strike = item.strike * TOKENS
            total += max(0, (1 if item.kind == 0 else -1) * (price - strike)) * lots
        return total

    # --- the end

    def teardown(self) -> None:
        """INV-S7: whoever is not served freezes the exchange; all leave; nothing is left."""
        try:
            if self.deposited[2]:
                if self.lie is not None:
                    self.prove()
                self.leave()
        finally:
            self.chain.revert(self.before)

    def leave(self) -> None:
        x = self.x
        head = x.head
        x.ask(self.owner(2), 2)
        self.chain.at(max(self.chain.now, self.final_at(head)) + x.windows.freeze + 1)
        x.freeze(self.owner(2), 2, head)
        for index in EVERYBODY:
            self.pay(index, head)
        if (MARKET, EXPIRY) not in x.context.prices:
            x.settle(123 * TOKENS)
        for index in EVERYBODY:
            self.pay(index, head)
        assert x.total() == x.balance(x.vault.address) == 0
        assert sum(self.paid.values()) == sum(self.deposited.values())


def test_inv_s1_s6_s7_s9_lives_with_lies_pay_everybody_and_only_liars_pay(
    exchange: Exchange,
) -> None:
    def life() -> Life:
        machine = type("Life", (Life,), {"exchange": exchange})
        return machine()

    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=150 if FUZZ else 6,
            stateful_step_count=50 if FUZZ else 25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
