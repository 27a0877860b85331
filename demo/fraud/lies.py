"""Batches that lie, each as a thief would want it, made with the readable model.

The model computes what follows from ops and refuses what breaks the protocol; a liar states what it
likes. Signed orders are published as an honest operator would, as far as somebody signed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from demo.charts import dollars
from demo.desk import sign
from demo.stage import Trader, World
from matcher.blobs.encoding import Sidecar
from matcher.blobs.sources import DevelopmentNode, Sources
from matcher.chain.audit.records import read_records
from matcher.chain.fees import FeePolicy
from matcher.chain.modes import Choice, blob_base_fee
from matcher.chain.transactions import Sender, blob_gas_limit
from matcher.errors import ChainError
from matcher.reference import orderfile
from matcher.reference.chain import Chain
from matcher.reference.context import Context
from matcher.reference.header import parent_of
from matcher.reference.orderfile import Signed
from matcher.reference.replay import Auditor
from matcher.reference.state import State
from matcher.reference.words import Fill, Op, pack_chunk
from matcher.types import Order

ORDER_LIFE: Final = 3600  # seconds
FIRST_SLOT: Final = 4000  # of orders signed here; the traders' clients take the first ones


class Kind(StrEnum):
    """By the prover that convicts it."""

    TRANSITION = "transition"
    MARGIN = "margin"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True)
class Plot:
    """Who takes part, and by which options.

    Attributes
    ----------
    victim : Trader
    thief, straw : Trader
        Accounts of the operator's friends.
    dear, cheap : int
        Calls: of the highest strike, which is worth little, and of the lowest.
    """

    victim: Trader
    thief: Trader
    straw: Trader
    dear: int
    cheap: int


@dataclass(frozen=True)
class Lie:
    """A batch that no honest operator would commit.

    Attributes
    ----------
    story : str
    stolen : int
        What the thief would be up, atoms.
    words : tuple of int
    built_at : int
        Seconds.
    parent : bytes
        What the header says of the batch before.
    order_file : bytes
    """

    story: str
    stolen: int
    words: tuple[int, ...]
    built_at: int
    parent: bytes
    order_file: bytes


class Forger:
    """Makes lies on top of what stands on the chain."""

    def __init__(self, world: World, plot: Plot):
        self._world = world
        self._plot = plot

    def forge(self, kind: Kind) -> Lie:
        """A lie about the state as it is on the chain now."""
        world = self._world
        w3 = world.deployment.w3
        blobs = Sources([DevelopmentNode(w3)])
        facts = read_records(w3, world.deployment, w3.eth.block_number, blobs)
        auditor = Auditor(Chain.of(facts))
        for fact in facts:
            auditor.take(fact)
        head = auditor.head
        built_at = max(head.built_at, world.remote.time - 1)
        make: Callable[[State, Context], _Made] = {
            Kind.TRANSITION: self._take_over,
            Kind.MARGIN: self._sell_for_nothing,
            Kind.UNAUTHORIZED: self._buy_in_her_name,
        }[kind]
        made = make(auditor.state, auditor.chain.context(built_at))
        return Lie(
            story=made.story,
            stolen=made.stolen,
            words=tuple(pack_chunk(made.ops, auditor.state.root())),
            built_at=built_at,
            parent=parent_of(head.batch_hash()),
            order_file=orderfile.encode(head.id + 1, made.signed),
        )

    def _take_over(self, state: State, context: Context) -> "_Made":  # noqa: ARG002
        """A root that follows from nothing."""
        victim, thief = self._plot.victim, self._plot.thief
        poor, rich = state.account(victim.account).copy(), state.account(thief.account).copy()
        stolen = poor.cash
        poor.cash, rich.exited = 0, rich.exited + stolen
        state.accounts |= {victim.account: poor, thief.account: rich}
        state.rehash([victim.account, thief.account])
        story = (
            f"states a root in which {victim.name}'s {dollars(stolen)} are let out to {thief.name}"
        )
        return _Made(story, stolen, [], [])

    def _sell_for_nothing(self, state: State, context: Context) -> "_Made":
        """Both sides signed; the seller could never pay."""
        thief, straw, option = self._plot.thief, self._plot.straw, self._plot.cheap
        lots = 50
        listed = context.option(option)
        most = lots * (context.caps[listed.market, listed.expiry] - listed.strike)
        fill = self._fill(state, thief, straw, option, 0, lots)
        signed = [
            self._signed(thief, True, option, 0, lots, fill.taker_order, context),
            self._signed(straw, False, option, 0, lots, fill.maker_order, context),
        ]
        state.apply_ops([fill], context)
        story = (
            f"lets {straw.name} sell {lots} calls to {thief.name} for nothing: they may pay "
            f"{dollars(most)}, and {straw.name} has {dollars(state.account(straw.account).cash)}"
        )
        return _Made(story, most, [fill], signed)

    def _buy_in_her_name(self, state: State, context: Context) -> "_Made":
        """A fill that one side never signed."""
        victim, thief, option = self._plot.victim, self._plot.thief, self._plot.dear
        listed = context.option(option)
        price = context.caps[listed.market, listed.expiry] - listed.strike  # the most it ever pays
        market = context.markets[listed.market]
        tick = price // market.tick_value
        rate, _ = context.fees[listed.market].at(context.built_at)
        lots = state.worst(victim.account, context) // (tick * market.tick_value + rate)
        fill = self._fill(state, victim, thief, option, tick, lots)
        signed = [
            self._signed(
                thief, False, option, tick * market.tick_value, lots, fill.maker_order, context
            )
        ]
        state.apply_ops([fill], context)
        stolen = lots * tick * market.tick_value
        story = (
            f"lets {victim.name} buy {lots} calls of {thief.name} for {dollars(stolen)}, the most "
            f"they can ever pay; {victim.name} signed nothing"
        )
        return _Made(story, stolen, [fill], signed)

    def _fill(
        self, state: State, taker: Trader, maker: Trader, option: int, tick: int, lots: int
    ) -> Fill:
        """The taker buys, by orders in slots that nobody used."""
        orders = [self._fresh(state, trader) for trader in (taker, maker)]
        return Fill(0, taker.account, maker.account, option, tick, lots, *orders)

    def _fresh(self, state: State, trader: Trader) -> int:
        used = state.account(trader.account).slots.used
        return next(slot for slot in range(FIRST_SLOT, 4096) if slot not in used)

    def _signed(
        self,
        trader: Trader,
        buy: bool,
        option: int,
        price: int,
        lots: int,
        order_id: int,
        context: Context,
    ) -> Signed:
        symbol = self._world.symbols[self._world.instruments.index(option)]
        expiry = context.built_at + ORDER_LIFE
        order = Order(trader.account, symbol, buy, price, lots, order_id, expiry, 0)
        return Signed(order, sign(trader.owner, self._world.domain, order))


@dataclass(frozen=True)
class _Made:
    story: str
    stolen: int
    ops: Sequence[Op]
    signed: Sequence[Signed]


def commit(world: World, operator: LocalAccount, lie: Lie, mode: Choice) -> None:
    """Send a lie as its operator would send any batch."""
    w3, functions = world.deployment.w3, world.deployment.registry.functions
    anchor = w3.eth.get_block("latest")
    extra = orderfile.file_hash(lie.order_file)
    common = (lie.built_at, lie.parent, anchor["number"], bytes(anchor["hash"]), extra)
    if mode is Choice.CALLDATA:
        world.remote.send("a lie", operator, functions.commit(*common, list(lie.words)))
        return
    sidecar = Sidecar.of(b"".join(word.to_bytes(32, "big") for word in lie.words))
    call = functions.commitBlobs(*common, 1, sidecar.opening(0))
    world.remote.note("a lie", send_blobs(w3, operator, call, sidecar))


def send_blobs(
    w3: Web3, sender: LocalAccount, call: ContractFunction, sidecar: Sidecar
) -> TxReceipt:
    """Call a contract's function in a transaction that carries blobs."""
    data = bytes(HexBytes(call._encode_transaction_data()))
    base_fee = w3.eth.get_block("latest")["baseFeePerGas"]
    fees = FeePolicy().first(base_fee, blob_base_fee(w3))
    gas, nonce = (
        blob_gas_limit(data, len(sidecar.blobs)),
        w3.eth.get_transaction_count(sender.address),
    )
    post = Sender(w3, sender, w3.eth.chain_id)
    signed = post.sign(call.address, data, nonce, gas, fees, sidecar=sidecar)
    post.broadcast(signed)
    receipt = w3.eth.wait_for_transaction_receipt(HexBytes(signed.hash), poll_latency=0.05)
    if receipt["status"] != 1:
        raise ChainError(f"transaction 0x{signed.hash.hex()} reverted")
    return receipt


def file_name(lie: Lie) -> str:
    """The name of its order file among published ones: the hash that its header states."""
    return orderfile.file_hash(lie.order_file).hex() + ".json"
