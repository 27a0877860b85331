"""The audit on honest exchanges, and on one fault of each kind."""

import dataclasses
import json
from typing import Any

import pytest
from eth.vm.spoof import SpoofTransaction

from matcher.chain.audit import AuditReport, Law, audit
from matcher.chain.logs import LogReader
from matcher.errors import ChainError
from matcher.reference import orderfile
from matcher.reference.orderfile import Signed
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Fill, Release, Settle, Withdraw, pack_chunk
from matcher.types import Order, Withdrawal
from tests.support.exchange import (
    EXPIRY,
    MARKET,
    TOKENS,
    Exchange,
    account_with,
    state_of,
)

SYMBOL = "BTC-14FEB27-100-C"
PRICE = 50_000  # atoms per lot: 500 ticks of 100


def audited(exchange: Exchange, *order_files: tuple[int, bytes]) -> AuditReport:
    exchange.chain.mine()  # the audit is of a block
    return audit(exchange.chain.w3, exchange.deployment, order_files)


def law(report: AuditReport, name: str) -> Law:
    return next(law for law in report.laws if law.name == name)


def traded(exchange: Exchange) -> list[tuple[int, bytes]]:
    """Two accounts are credited and trade; the order files of both batches."""
    roles = exchange.roles
    taker, maker = exchange.open(roles.taker), exchange.open(roles.maker)
    empty = orderfile.encode(1, [])
    ops = [Credit(taker, 1000 * TOKENS), Credit(maker, 1000 * TOKENS)]
    exchange.commit(ops, extra=keccak(empty))
    until = exchange.chain.now + 10_000
    signed = [
        Signed(order, exchange.sign(signer, order))
        for order, signer in (
            (Order(taker, SYMBOL, True, PRICE, 5, 0, until, 0), roles.taker),
            (Order(maker, SYMBOL, False, PRICE, 5, 0, until, 0), roles.maker),
        )
    ]
    file = orderfile.encode(2, signed)
    exchange.commit([Fill(0, taker, maker, 1, PRICE // 100, 5, 0, 0)], extra=keccak(file))
    return [(1, empty), (2, file)]


def test_audit_of_an_honest_life_finds_every_law_kept(exchange: Exchange) -> None:
    files = traded(exchange)
    roles = exchange.roles
    exchange.ask(roles.maker, 3)
    exchange.settle(150 * TOKENS)
    exchange.chain.travel(2)  # the price was fixed before the next batch
    worst = exchange.state.worst(2, exchange.context)
    withdrawal = Withdrawal(2, 7 * TOKENS, 4096, exchange.chain.now + 10_000)
    file = orderfile.encode(3, [Signed(withdrawal, exchange.sign(roles.taker, withdrawal))])
    assert worst > withdrawal.amount
    batch = exchange.commit(
        [Settle(2, MARKET, EXPIRY), Settle(3, MARKET, EXPIRY), Withdraw(2, 7 * TOKENS, 4096)],
        [Release(3, exchange_worst_after_settle(exchange), 1)],
        extra=keccak(file),
    )
    exchange.finalize(batch)
    exchange.claim(roles.taker, 2, batch)
    exchange.claim(roles.maker, 3, batch)
    report = audited(exchange, *files, (3, file))
    assert report.sound, report.text()
    assert [(found.name, found.holds) for found in report.laws] == [
        (f"S{i}", True) for i in range(1, 9)
    ]
    assert all(agreement.compared for agreement in report.agreements)
    assert [place.status for place in report.batches] == ["final"] * 3
    assert report.money.unaccounted == 0
    taker, maker = report.accounts[1:]
    gain = 5 * (50 * TOKENS - PRICE)  # of the call of 100 at 150
    assert taker.claimed == taker.exited == 7 * TOKENS
    assert taker.cash == 993 * TOKENS + gain - 15  # fees of 3 atoms per lot
    assert (maker.cash, maker.exited) == (0, 1000 * TOKENS - gain + 5)


def exchange_worst_after_settle(exchange: Exchange) -> int:
    """What account 3 has once it settled: everything, as it holds nothing else."""
    context = dataclasses.replace(exchange.context, built_at=exchange.chain.now - 1)
    return exchange.state.worst(3, context)


def test_audit_reports_rows_text_and_json_of_the_same_numbers(exchange: Exchange) -> None:
    report = audited(exchange, *traded(exchange))
    rows = report.rows()
    assert [row[0].split()[0] for row in rows[:8]] == [f"S{i}" for i in range(1, 9)]
    assert {verdict for _, verdict, _ in rows} == {"holds"}
    for name, verdict, found in rows:
        line = next(line for line in report.text().splitlines() if line.startswith(name))
        assert verdict in line
        assert found in line
    content = json.loads(report.json())
    assert content["sound"] is True
    assert content["money"]["vault"] == 2000 * TOKENS
    assert content["accounts"][1]["positions"] == {"1": 5}


def test_audit_without_order_files_says_that_s4_was_not_checked(exchange: Exchange) -> None:
    files = traded(exchange)
    report = audited(exchange, files[0])
    assert law(report, "S4").holds is None
    assert "order files of 1 of 2 batches" in law(report, "S4").found
    assert report.sound


def test_audit_of_a_fill_nobody_signed_breaks_s4(exchange: Exchange) -> None:
    traded(exchange)
    file = orderfile.encode(3, [])
    exchange.commit([Fill(0, 2, 3, 1, 500, 1, 1, 1)], extra=keccak(file))
    report = audited(exchange, (3, file))
    assert law(report, "S4").holds is False
    assert "order 1 of account 2 is not signed so" in law(report, "S4").found


def test_audit_of_a_root_that_does_not_follow_breaks_s8(exchange: Exchange) -> None:
    exchange.open(exchange.roles.maker)
    exchange.commit_root(state_of({2: account_with(cash=5 * TOKENS, credited=5 * TOKENS)}))
    report = audited(exchange)
    assert not report.sound
    assert law(report, "S8").holds is False
    assert "batch 1, chunk 0: stated" in law(report, "S8").found


def test_audit_of_a_release_that_keeps_something_back_breaks_s5(exchange: Exchange) -> None:
    index = exchange.open(exchange.roles.maker)
    exchange.credit(index)
    exchange.ask(exchange.roles.maker, index)
    before, context = exchange.state, exchange.context
    context.built_at = exchange.chain.now - 1
    before.apply_ops([Release(index, 1, 1)], context)
    words = pack_chunk([Release(index, 1, 1)], before.root())
    exchange._commit(words, before, context.built_at, bytes(32))
    report = audited(exchange)
    assert law(report, "S5").holds is False
    assert "a RELEASE kept something back" in law(report, "S5").found


def test_audit_of_a_vault_that_lost_tokens_breaks_s1(exchange: Exchange) -> None:
    index = exchange.open(exchange.roles.maker)
    exchange.credit(index)
    take_tokens(exchange, 3 * TOKENS)
    report = audited(exchange)
    assert law(report, "S1").holds is False
    owed = 1000 * TOKENS
    assert f"holds {owed - 3 * TOKENS}, owes {owed}" in law(report, "S1").found
    assert report.money.unaccounted == 3 * TOKENS


def take_tokens(exchange: Exchange, atoms: int) -> None:
    """Tokens leave the Vault as no contract of ours would let them."""
    vault = exchange.vault.address
    move = exchange.token.functions.transfer(exchange.roles.outsider.address, atoms)
    evm = exchange.chain.evm
    vm = evm.get_vm()
    vm.state.set_balance(bytes.fromhex(vault[2:]), 10**18)
    unsigned = vm.create_unsigned_transaction(
        nonce=vm.state.get_nonce(bytes.fromhex(vault[2:])),
        gas_price=evm.header.base_fee_per_gas,
        gas=200_000,
        to=bytes.fromhex(exchange.token.address[2:]),
        value=0,
        data=bytes.fromhex(move._encode_transaction_data()[2:]),
    )
    spoofed = SpoofTransaction(unsigned, from_=bytes.fromhex(vault[2:]))
    computation = vm.state.apply_transaction(spoofed)
    assert computation.is_success
    vm.state.lock_changes()
    vm.state.persist()
    evm.header = evm.header.copy(state_root=vm.state.state_root)


def test_audit_of_a_deposit_that_waits_longer_than_f_breaks_s7_until_frozen(
    exchange: Exchange,
) -> None:
    index = exchange.open(exchange.roles.maker)
    exchange.chain.travel(exchange.windows.freeze - 1)
    assert law(audited(exchange), "S7").holds
    found = law(audited(exchange), "S7")
    assert found.holds is False
    assert f"the deposit of account {index}" in found.found
    exchange.freeze(exchange.roles.maker, index, exchange.head)
    report = audited(exchange)
    assert law(report, "S7").holds
    assert "frozen and pays" in law(report, "S7").found
    assert report.sound


def test_audit_counts_how_long_deposits_waited(exchange: Exchange) -> None:
    index = exchange.open(exchange.roles.maker)
    opened = exchange.chain.w3.eth.get_block("latest")["timestamp"]
    exchange.chain.travel(300)
    batch = exchange.credit(index)
    exchange.deposit(exchange.roles.maker, index, TOKENS)
    found = law(audited(exchange), "S7").found
    assert f"2 in all, longest wait {batch.committed_at - opened} of 900 s, 1 wait" in found


def test_audit_after_a_revert_judges_what_stands(exchange: Exchange) -> None:
    index = exchange.open(exchange.roles.maker)
    good = exchange.credit(index)
    exchange.commit_root(state_of({index: account_with(cash=5, credited=5)}))
    exchange.revert_to(good)
    report = audited(exchange)
    assert report.sound, report.text()
    assert [place.status for place in report.batches] == ["committed", "reverted"]
    assert report.batches[1].findings


def test_audit_compares_what_the_contracts_say(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that leaves out a deposit is found out by the Vault's own counters."""
    index = exchange.open(exchange.roles.maker)
    exchange.deposit(exchange.roles.maker, index, TOKENS)
    real = LogReader.read

    def forgetful(self: LogReader, *args: Any) -> Any:
        logs = real(self, *args)
        return [log for log in logs if log.args.get("amount") != TOKENS]

    monkeypatch.setattr(LogReader, "read", forgetful)
    report = audited(exchange)
    wrong = [agreement.what for agreement in report.agreements if not agreement.holds]
    assert wrong == ["deposited, claimed, asks and owner of each account", "the Vault's total"]
    assert not report.sound


def test_audit_of_a_commit_without_its_body_says_that_logs_are_missing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.credit(exchange.open(exchange.roles.maker))
    real = LogReader.read
    monkeypatch.setattr(
        LogReader,
        "read",
        lambda self, *args: [e for e in real(self, *args) if e.name != "BatchBody"],
    )
    with pytest.raises(ChainError, match=r"batch 1 in block \d+: no body"):
        audited(exchange)
