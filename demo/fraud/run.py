"""The whole story: an exchange lives, its operators lie one after the other, nobody loses.

Everything runs as anybody would run it: the node and the challenger are processes of their own, the
lies are committed by the operator's own key, and what is told comes from the chain's logs.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.logs import DISCARD

from demo.desk import sign
from demo.fraud import lies
from demo.fraud.lies import Forger, Kind, Lie, Plot
from demo.fraud.play import HONEST, SETTLES_AT, STRAW, THIEF, Trading, story
from demo.fraud.processes import PATIENCE, Process, ProcessFailed
from demo.fraud.timeline import Timeline
from demo.remote import ETHER, Remote
from demo.show import Show
from demo.stage import (
    BOND,
    Trader,
    account_of,
    deploy_exchange,
    list_everything,
    open_trader,
)
from matcher.chain.audit import AuditReport, audit
from matcher.chain.audit.exits import read_exit
from matcher.chain.modes import Choice
from matcher.types import Report

TRADES: Final = 3  # between two lies
LOOK: Final = 0.1  # seconds between two looks at the chain
PAUSE: Final = 0.3  # seconds between two looks at what the node has committed
CALLS: Final = (0, 4)  # places of the lowest and the highest strike's call


@dataclass(frozen=True)
class Settings:
    """What a run needs.

    Attributes
    ----------
    w3 : Web3
        A development chain, whose time can be moved.
    url : str
        Of the same chain, for other processes.
    rich : LocalAccount
        Pays for everything, owns the exchange.
    output : Path
        Of the deployment's record, the journal, and published files; new.
    seed : int
        Of the trades.
    kinds : sequence of Kind
        The lies, in this order.
    mode : Choice
        In which the node and the liars commit: calldata or blobs.
    """

    w3: Web3
    url: str
    rich: LocalAccount
    network: str
    output: Path
    seed: int
    kinds: Sequence[Kind]
    mode: Choice = Choice.CALLDATA


@dataclass(frozen=True)
class Conviction:
    """One lie and what became of it. Atoms, wei."""

    kind: Kind
    operator: int
    batch: int
    stolen: int
    reward: int
    burned: int
    gas: int  # of the transaction that convicted


@dataclass(frozen=True)
class Holding:
    """One trader at the end, atoms."""

    name: str
    account: int
    wallet_before: int  # before the first deposit
    deposited: int
    earned: int  # by prices and fees alone
    paid: int  # by the Vault
    wallet_after: int


@dataclass
class Outcome:
    """What is shown at the end."""

    convictions: list[Conviction] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    vault: int = 0  # atoms that it holds
    owed: int = 0  # atoms that it owes
    fees: int = 0  # atoms of account 0
    seconds: int = 0

    def check(self, what: str, holds: bool) -> None:
        self.checks.append((what, holds))

    @property
    def sound(self) -> bool:
        return all(holds for _, holds in self.checks)


def run(settings: Settings, show: Show) -> Outcome:
    """Play the story."""
    with ExitStack() as processes:
        return _Story(settings, show, processes).go()


class _Story:
    def __init__(self, settings: Settings, show: Show, processes: ExitStack):
        self.settings = settings
        self.show = show
        self.outcome = Outcome()
        self._processes = processes
        self._remote = Remote(settings.w3)
        self._begin()

    # --- before the first lie -----------------------------------------------------------------

    def _begin(self) -> None:
        """An exchange with five accounts, a challenger that watches, and a running node."""
        settings, remote = self.settings, self._remote
        world = deploy_exchange(remote, settings.rich, story("fraud"))
        self.world = world
        self._record = world.deployment.save(settings.output / "deployment.json")
        self.timeline = Timeline(settings.w3, world.deployment, self.show)
        self._name_everybody()
        list_everything(world)
        self.timeline.chapter("An exchange opens")
        self.timeline.head_line()
        units = world.deployment.vault.functions.tokenUnitsPerAtom().call()
        self._units = int(units)
        for number in range(len(world.flow.traders)):
            trader = open_trader(world, number)
            self.timeline.name_account(trader.account, trader.name)
        self.timeline.catch_up()
        self._trading = Trading(world, settings.seed)
        self._wallets = {t.name: self._wallet(t) + self._deposited(t) for t in world.traders}
        named = {trader.name: trader for trader in world.traders}
        cheap, dear = (world.instruments[place] for place in CALLS)
        self._plot = Plot(named[HONEST[0]], named[THIEF], named[STRAW], dear, cheap)
        self._operators = {world.operator_index: world.operator}
        self._operator = world.operator_index
        (settings.output / "published").mkdir(parents=True, exist_ok=True)
        self._challenger = self._start_challenger()
        self._node = self._start_node()
        self._wait_for_commit(since=0)

    def _name_everybody(self) -> None:
        world, timeline = self.world, self.timeline
        timeline.name(self.settings.rich.address, "owner")
        timeline.name(world.operator.address, "operator 1")
        timeline.name(account_of("challenger").address, "challenger")
        for plan in world.flow.traders:
            timeline.name(account_of(f"trader {plan.name}").address, plan.name)

    def _wallet(self, trader: Trader) -> int:
        """Atoms that a trader holds outside of the exchange."""
        token = self.world.deployment.token.functions
        return int(token.balanceOf(trader.owner.address).call()) // self._units

    def _deposited(self, trader: Trader) -> int:
        view = self.world.deployment.vault.functions.accountOf(trader.account).call()
        return int(view[1])

    # --- processes ----------------------------------------------------------------------------

    def _start_node(self) -> Process:
        settings = self.settings
        key = self._operators[self._operator].key
        arguments = ["-m", "matcher.node", "--rpc", settings.url, "--log-json", "--port", "0"]
        arguments += ["--deployment", str(self._record), "--data", str(settings.output / "data")]
        arguments += ["--poll", "0.05", "--batch-age", "1", "--mode", settings.mode.value]
        node = Process("the node", arguments, {"QUOIN_OPERATOR_KEY": "0x" + bytes(key).hex()})
        self._processes.callback(node.kill)
        self._url = str(node.wait("node ready")["url"])
        self.timeline.note(f"operator {self._operator}", "runs the matcher, the gateway, commits")
        return node

    def _start_challenger(self) -> Process:
        settings = self.settings
        key = account_of("challenger").key
        self._remote.give_ether(settings.rich, [account_of("challenger")], 10 * ETHER)
        arguments = ["-m", "matcher.challenger", "--rpc", settings.url, "--log-json"]
        arguments += ["--deployment", str(self._record), "--poll", "0.05"]
        arguments += ["--data", str(settings.output / "challenger")]
        for source in ("data/batches", "published"):
            arguments += ["--order-files", str(settings.output / source)]
        seen = "the chain's logs"
        if settings.mode is Choice.BLOB:
            arguments += ["--beacon", settings.url]
            seen = "the chain's logs and blobs"
        secret = {"QUOIN_CHALLENGER_KEY": "0x" + bytes(key).hex()}
        challenger = Process("the challenger", arguments, secret)
        self._processes.callback(challenger.kill)
        self.timeline.note("challenger", f"watches every batch, with nothing but {seen}")
        return challenger

    # --- time ---------------------------------------------------------------------------------

    def _wait_for_commit(self, since: int) -> None:
        """Let batches close by their age, until everything that was answered is on the chain.

        Parameters
        ----------
        since : int
            The head before.

        Raises
        ------
        ProcessFailed
            If that does not happen.
        """
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as gateway:
            for _ in range(int(PATIENCE / PAUSE)):
                self._remote.advance_to(self._remote.time + 2)
                time.sleep(PAUSE)  # the chain's time is moved, that of the processes is not
                found = gateway.get("/v1/status").raise_for_status().json()
                waiting = int(found["openOps"]) + int(found["pending"])
                if int(found["head"]) > since and not waiting:
                    self.timeline.catch_up()
                    return
                self._node.require_alive()
        raise ProcessFailed(f"the node has not committed everything: {found}")

    def _head(self) -> int:
        return int(self.world.deployment.registry.functions.head().call()[0])

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        """Tell what happens until something holds.

        Raises
        ------
        ProcessFailed
            If the challenger ends, or nothing comes of it.
        """
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self._challenger.require_alive()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{what}: not within {PATIENCE} s")
            time.sleep(LOOK)
            self.timeline.catch_up()

    # --- the story ----------------------------------------------------------------------------

    def go(self) -> Outcome:
        for kind in self.settings.kinds:
            self.timeline.chapter(f"Operator {self._operator} lies: {kind.value.upper()}")
            self._trade()
            self._lie(kind)
            self._succeed()
        self.timeline.chapter(f"Operator {self._operator} goes on, and everybody leaves")
        self._trade()
        self._settle()
        self._leave()
        self._add_up()
        return self.outcome

    def _trade(self) -> None:
        since = self._head()
        for _ in range(TRADES):
            what = self._trading.trade(self._url)
            self.timeline.note(what.split()[0], what.partition(" ")[2])
        self._wait_for_commit(since)

    def _lie(self, kind: Kind) -> None:
        """The operator stops its node and commits by hand; wait until it is convicted."""
        who = f"operator {self._operator}"
        before, head = self._audit(), self._head()
        self._node.stop()
        lie = Forger(self.world, self._plot).forge(kind)
        self._publish(lie)
        self.timeline.note(who, lie.story)
        asked, convicted = self._told("QuestionAsked"), self._told("BatchReverted")
        lies.commit(self.world, self._operators[self._operator], lie, self.settings.mode)
        self.timeline.catch_up()
        if kind is Kind.UNAUTHORIZED:
            self._until("a question", lambda: self._told("QuestionAsked") > asked)
            wait = self.world.deployment.windows.answer + 1
            self.timeline.note(who, f"has {wait - 1} seconds to show a signature, and has none")
            self._remote.advance_to(self._remote.time + wait)
        self._until("a conviction", lambda: self._told("BatchReverted") > convicted)
        self._judge(kind, lie, head, before)

    def _told(self, name: str) -> int:
        return sum(told == name for told, _ in self.timeline.events)

    def _publish(self, lie: Lie) -> None:
        name = lies.file_name(lie)
        (self.settings.output / "published" / name).write_bytes(lie.order_file)

    def _judge(self, kind: Kind, lie: Lie, head: int, before: AuditReport) -> None:
        """Nothing is left of the lie but its punishment."""
        outcome, index = self.outcome, self._operator
        args = [args for name, args in self.timeline.events if name == "BatchReverted"][-1]
        proof = [args for name, args in self.timeline.events if name == "BatchConvicted"][-1]
        expected = self.world.deployment.addresses[f"{kind.value}_prover"]
        outcome.check(f"batch {head + 1} is convicted by {kind.value}", proof["prover"] == expected)
        after = self._audit()
        same = after.accounts == before.accounts and self._head() == head
        outcome.check(f"after it every account is as batch {head} left it", same)
        found = self.world.deployment.registry.functions.operators(index).call()
        outcome.check(f"operator {index} is retired, its bond gone", found[1] == 0 and found[3])
        sum_is_bond = args["reward"] + args["burned"] == BOND
        half = 0 < args["reward"] <= BOND // 2
        outcome.check("the challenger has half of the bond at most", sum_is_bond and half)
        outcome.convictions.append(
            Conviction(
                kind,
                index,
                head + 1,
                lie.stolen,
                args["reward"],
                args["burned"],
                self.timeline.gas["BatchConvicted"][-1],
            )
        )

    def _succeed(self) -> None:
        """The owner names a new operator, who goes on from the last honest root."""
        world, remote = self.world, self._remote
        registry = world.deployment.registry
        self._operator += 1
        operator = account_of(f"operator {self._operator}")
        self.timeline.name(operator.address, f"operator {self._operator}")
        remote.give_ether(world.rich, [operator], 2 * BOND)
        call = registry.functions.addOperator(operator.address)
        receipt = remote.send("operator", world.rich, call)
        added = registry.events.OperatorAdded().process_receipt(receipt, DISCARD)
        index = int(added[0]["args"]["index"])
        assert index == self._operator, index
        remote.send("operator", operator, registry.functions.addBond(index), value=BOND)
        remote.send("operator", world.rich, registry.functions.setOperator(index))
        self._operators[index] = operator
        self.timeline.catch_up()
        self._node = self._start_node()

    # --- the end ------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Past the expiry the reporters sign, and the operator settles every account."""
        world = self.world
        (expiry,), (market,) = world.expiries, world.markets
        self._remote.advance_to(expiry * 3600 + 60)
        reports = [
            (n, SETTLES_AT, sign(reporter, world.domain, Report(market, expiry, SETTLES_AT)))
            for n, reporter in enumerate(world.reporters)
        ]
        call = world.deployment.prices.functions.settle(market, expiry, reports)
        since = self._head()
        world.remote.send("settle an expiry", world.rich, call)
        self._wait_for_commit(since)

    def _leave(self) -> None:
        """Everybody withdraws, and claims with the chain's logs alone when that is final."""
        world, since = self.world, self._head()
        for trader in world.traders:
            self._trading.withdraw(self._url, trader)
            self.timeline.note(trader.name, "signs a withdrawal of everything")
        self._wait_for_commit(since)
        final_after = world.deployment.windows.final_after
        self._remote.advance_to(self._remote.time + final_after)
        self._node.stop()
        self.timeline.note(f"operator {self._operator}", "stops its node: nobody needs it now")
        vault = world.deployment.vault.functions
        for trader in world.traders:
            shown = read_exit(self.settings.w3, world.deployment, trader.account).final
            call = vault.claim(trader.account, *shown.arguments())
            world.remote.send("claim", trader.owner, call)
        self.timeline.catch_up()

    def _add_up(self) -> None:
        outcome, trading = self.outcome, self._trading
        for trader in self.world.traders:
            deposited = self._deposited(trader)
            view = self.world.deployment.vault.functions.accountOf(trader.account).call()
            purse = trading.purses[trader.name]
            holding = Holding(
                name=trader.name,
                account=trader.account,
                wallet_before=self._wallets[trader.name],
                deposited=deposited,
                earned=purse.at_settlement() - deposited,
                paid=int(view[3]),
                wallet_after=self._wallet(trader),
            )
            outcome.holdings.append(holding)
            whole = holding.wallet_after == holding.wallet_before + holding.earned
            outcome.check(f"{trader.name} has every atom that the rules give", whole)
        found = self._audit()
        outcome.vault, outcome.owed = found.money.vault, found.money.owed
        outcome.fees = trading.fees
        outcome.check("the Vault holds exactly what it owes", found.money.vault == found.money.owed)
        outcome.check("and that is the fees", found.money.owed == trading.fees)
        reverted = sum(batch.status == "reverted" for batch in found.batches)
        outcome.check("the audit finds S1 to S8 kept", found.sound)
        lies_told = len(self.settings.kinds)
        outcome.check(f"{lies_told} lies, {lies_told} convictions", reverted == lies_told)
        outcome.seconds = self.show.seconds

    def _audit(self) -> AuditReport:
        return audit(self.settings.w3, self.world.deployment)
