"""Settling: payments, batches of calls, margin, funding, liquidations, bytes on layer 2."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

from gaslab.bench import Bench
from gaslab.catalogue.driving import refused
from gaslab.catalogue.headers import LAB, words_of
from gaslab.components import Component
from gaslab.environment import Deployed
from gaslab.errors import NotEquivalent, OverTheCap
from gaslab.experiment import Experiment, Technique, Variant
from gaslab.measurement import Measurement

CAP = 1 << 24  # EIP-7825


# --- payments -------------------------------------------------------------------------------------

_TRADERS = 8
_FUNDS = 10**24


def _settlement(bench: Bench, n: int) -> None:
    random = Random("settlement")
    traders = bench.environment.accounts[:_TRADERS]
    payments = []
    for _ in range(n):
        payer, payee = random.sample(range(_TRADERS), 2)
        payments.append((payer, payee, random.randrange(10**18, 10**20)))
    nets = [0] * _TRADERS
    for payer, payee, amount in payments:
        nets[payer] -= amount
        nets[payee] += amount
    moved = [i for i in range(_TRADERS) if nets[i]]

    token = bench.deploy(traders, _FUNDS, contract="SettlementToken")
    contract = bench.deploy(token.address)
    for i in range(_TRADERS):
        bench.setup("approve", contract.address, _FUNDS, at=token, sender=i)
        if bench.variant.name != "transfers":
            bench.setup("deposit", _FUNDS // 2, sender=i)
    if bench.variant.name == "netted":
        bench.measure("settle", traders, payments)
    elif bench.variant.name == "nets":
        bench.measure("settle", [traders[i] for i in moved], [nets[i] for i in moved])
    else:
        bench.measure("settle", [(traders[a], traders[b], amount) for a, b, amount in payments])
    held = [_held(bench, token, trader) for trader in traders]
    bench.expect("balances change by", held, nets)
    debt = _overdrawing(bench, traders)
    bench.expect("a payment of too much is refused", refused(contract, "settle", *debt), True)


def _overdrawing(bench: Bench, traders: Sequence[bytes]) -> tuple[object, ...]:
    """Arguments that would have the first trader pay the second more than there is."""
    match bench.variant.name:
        case "netted":
            return traders, [(0, 1, 2 * _FUNDS)]
        case "nets":
            return traders[:2], [-2 * _FUNDS, 2 * _FUNDS]
        case _:
            return ([(traders[0], traders[1], 2 * _FUNDS)],)


def _held(bench: Bench, token: Deployed, trader: bytes) -> int:
    """What a trader holds, in the token and inside, less what it began with."""
    held = int(bench.read("balanceOf", trader))
    if bench.variant.name != "transfers":
        held += int(bench.read("balanceOf", trader, at=token))
    return held - _FUNDS


SETTLEMENT = Experiment(
    id="settlement",
    title="Payments: transfers, balances, nets",
    techniques=(Technique.BATCHING,),
    question="n payments among eight traders: how many writes do they need?",
    source=LAB / "NetSettlement.sol",
    variants=(
        Variant("transfers", "SettlementByTransfers", "A token transfer for each payment."),
        Variant("balances", "SettlementByBalances", "Balances inside, written for each payment."),
        Variant("netted", "SettlementByNetting", "Summed in memory; each trader written once."),
        Variant(
            "nets",
            "SettlementOfNets",
            "Only the nets are sent.",
            differs="the chain sees what traders' payments come to, not the payments",
        ),
    ),
    sizes=(1, 2, 4, 8, 16, 64),
    unit="payment",
    drive=_settlement,
    **words_of(LAB / "NetSettlement.sol"),
)


# --- batches of calls -----------------------------------------------------------------------------


def _multicall(bench: Bench, n: int) -> None:
    random = Random("multicall")
    orders = [(i + 1, random.randrange(1, 10**6), random.randrange(1, 10**6)) for i in range(n)]
    contract = bench.deploy()
    if bench.variant.name == "transactions":
        for order in orders:
            bench.measure("enter", order)
    elif bench.variant.name == "batch":
        bench.measure("enterMany", orders)
    elif bench.variant.name == "words":
        bench.measure(
            "enterWords", [key << 128 | price << 64 | lots for key, price, lots in orders]
        )
    else:
        bench.measure("multicall", [contract.encode("enter", order) for order in orders])
    entered = [log for one in bench.measured for log in contract.logs(one)]
    stored = [bench.read("orderOf", key) for key, _, _ in orders]
    bench.expect("orders", stored, [(price, lots) for _, price, lots in orders])
    bench.expect("an id is taken once", refused(contract, "enter", orders[0]), True)
    bench.expect("count", bench.read("countOf", bench.environment.accounts[0]), n)
    bench.observe("logs", entered)


MULTICALL = Experiment(
    id="multicall",
    title="Many calls in one transaction",
    techniques=(Technique.BATCHING, Technique.CALLS),
    question="What do n calls save by sharing a transaction, and by sharing an entry point?",
    source=LAB / "OrderEntry.sol",
    variants=(
        Variant("transactions", "OrderEntrySingle", "A transaction for each."),
        Variant("multicall", "OrderEntryMulticall", "OpenZeppelin's Multicall."),
        Variant("multicallable", "OrderEntryMulticallable", "solady's Multicallable."),
        Variant("batch", "OrderEntryBatch", "An entry point that takes an array."),
        Variant("words", "OrderEntryPacked", "An entry point that takes a word for each."),
    ),
    sizes=(1, 2, 4, 16, 64),
    unit="order",
    drive=_multicall,
    **words_of(LAB / "OrderEntry.sol"),
)


# --- margin ---------------------------------------------------------------------------------------


def _margin(bench: Bench, n: int) -> None:
    random = Random("margin")
    lots = [random.choice((-1, 1)) * random.randrange(1, 100) for _ in range(n)]
    contract = bench.deploy(lots, 50_000, 10**9)
    bench.setup("setIndex", 50_321)
    steps: list[Measurement] = [
        bench.measure("trade", n // 2, 7, 50_300),
        bench.measure("trade", n - 1, -250, 50_310),
        bench.measure("withdraw", 12_345),
    ]
    bench.observe("margins", [log for one in steps for log in contract.logs(one)])
    bench.observe("positions", [bench.read("positionAt", i) for i in range(n)])
    bench.expect("too much is refused", refused(contract, "withdraw", 10**9), True)


MARGIN = Experiment(
    id="margin",
    title="Margin of a portfolio",
    techniques=(Technique.MARGIN, Technique.ALIGNMENT),
    question="An account with n futures trades twice and withdraws: what does its margin cost?",
    source=LAB / "DynamicMargin.sol",
    variants=(
        Variant("structs", "MarginByStructs", "Two slots a position; each check walks over all."),
        Variant("words", "MarginByWords", "One slot a position; each check walks over all."),
        Variant("sums", "MarginBySums", "Three sums in a slot, kept up to date by each trade."),
    ),
    sizes=(1, 2, 4, 8, 16, 32),
    unit="position",
    drive=_margin,
    **words_of(LAB / "DynamicMargin.sol"),
    layout=("MarginByStructs", "MarginBySums"),
)


# --- funding --------------------------------------------------------------------------------------


def _funding(bench: Bench, n: int) -> None:
    random = Random("funding")
    lots = [random.choice((-1, 1)) * random.randrange(1, 1000) for _ in range(n)]
    bench.deploy(lots, 10**9)
    for rate in (17, -5, 23):
        bench.measure("fund", rate)
        if bench.variant.name == "index-all":
            bench.measure("settleAll")
    bench.measure("trade", n // 2, 11)
    expected = [(held, 10**9 - 35 * held) for held in lots]
    expected[n // 2] = (lots[n // 2] + 11, expected[n // 2][1])
    bench.expect("accounts", [bench.read("accountOf", i) for i in range(n)], expected)


FUNDING = Experiment(
    id="funding",
    title="Funding: every holder, or an index",
    techniques=(Technique.MARGIN, Technique.SHARDING),
    question="n holders pay funding three times and one of them trades: who is written?",
    source=LAB / "FundingIndex.sol",
    variants=(
        Variant("holders", "FundingByHolder", "Every holder's balance, two slots a holder."),
        Variant("words", "FundingByWord", "Every holder's balance, one slot a holder."),
        Variant("index", "FundingByIndex", "An index; a holder is settled when it trades."),
        Variant("index-all", "FundingByIndex", "An index, and all holders settled each time."),
    ),
    sizes=(1, 2, 4, 16, 64),
    unit="holder",
    drive=_funding,
    **words_of(LAB / "FundingIndex.sol"),
    layout=("FundingByHolder", "FundingByIndex"),
)


# --- liquidations ---------------------------------------------------------------------------------

_OPENED, _CRASHED = 50_000, 47_000
_CASH, _LOTS = 200_000, 60
_FEE = 1_000


def _prepared(bench: Bench, n: int) -> Deployed:
    """An exchange with n accounts that a crash left below their margin."""
    oracle = bench.deploy(contract="LiquidationOracle")
    bench.setup("set", _OPENED, at=oracle)
    contract = bench.deploy(oracle.address)
    # New slots are dear in some schedules; the cap holds for what is not measured, too.
    for first in range(1, n + 1, 40):
        count = min(40, n + 1 - first)
        bench.setup("open", first, count, _CASH, _LOTS, _OPENED)
    bench.setup("set", _CRASHED, at=oracle)
    return contract


def _liquidate(bench: Bench, n: int, **options: Any) -> Measurement:
    ids = range(1, n + 1)
    if bench.variant.name == "word-bytes":
        packed = b"".join(number.to_bytes(4, "big") for number in ids)
        return bench.measure("liquidatePacked", packed, **options)
    return bench.measure("liquidate", list(ids), **options)


def _liquidations(bench: Bench, n: int) -> None:
    contract = _prepared(bench, n + 1)  # the last one is left alone
    bench.setup("open", n + 2, 1, 10 * _CASH, _LOTS, _OPENED)
    bench.expect("a sound one is passed over", bench.read("liquidate", [n + 2]), 0)
    measurement = _liquidate(bench, n)
    bench.expect("liquidated", int.from_bytes(measurement.output, "big"), n)
    bench.observe("logs", contract.logs(measurement))
    bench.observe("accounts", [bench.read("accountOf", number) for number in range(1, n + 2)])
    bench.expect("reward", bench.read("rewards", bench.environment.accounts[0]), n * _FEE)


_LIQUIDATORS = (
    Variant("struct", "LiquidationsByStruct", "A struct, an oracle call and a reward for each."),
    Variant("cached", "LiquidationsCached", "Structs read once; one oracle call, one reward."),
    Variant("word", "LiquidationsByWord", "An account in a word; one oracle call, one reward."),
    Variant("word-bytes", "LiquidationsByWord", "The same, and ids of 4 bytes in calldata."),
)

LIQUIDATIONS = Experiment(
    id="liquidations",
    title="Liquidations in one transaction",
    techniques=(Technique.GAS_CAP, Technique.MARGIN, Technique.BATCHING),
    question="What does each of n liquidations in a transaction cost?",
    source=LAB / "Liquidations.sol",
    variants=_LIQUIDATORS,
    sizes=(1, 4, 16, 64),
    unit="liquidation",
    drive=_liquidations,
    **words_of(LAB / "Liquidations.sol"),
    layout=("LiquidationsByStruct", "LiquidationsByWord"),
)


def _gas_cap(bench: Bench, budget: int) -> None:
    """The most liquidations that a transaction of `budget` gas can make.

    Gas is a parabola in their number: a line, and memory, which is never freed. Three small probes
    give it, and with it the number. That many are made; what is left must be less than one more
    would have needed.
    """
    needs = [_needed(bench, count) for count in _PROBES]
    most = _most(needs, budget)
    _prepared(bench, most)
    while True:  # the probes' gas is rounded, so the parabola may be off by an item or two
        try:
            measurement = _liquidate(bench, most, gas=budget)
            break
        except OverTheCap:
            most -= 1
    left = budget - _before_refund(measurement)
    one = _parabola(needs, most + 1) - _parabola(needs, most)
    if left >= one:
        raise NotEquivalent(f"gas-cap/{bench.variant.name}: {left} gas left, one needs {one}")
    done = int.from_bytes(measurement.output, "big")
    bench.expect("all were liquidated", done == most, True)
    bench.record("items", most)


_PROBES = (32, 96, 160)


def _needed(bench: Bench, count: int) -> int:
    probe = Bench(bench.experiment, bench.variant, bench.schedule, bench.contracts)
    _prepared(probe, count)
    return _before_refund(_liquidate(probe, count))


def _before_refund(measurement: Measurement) -> int:
    """What a transaction must be given: the refund comes back when it has ended."""
    return measurement.execution - measurement.components.get(Component.REFUND, 0)


def _parabola(needs: Sequence[int], count: int) -> int:
    """Through the probes (Newton's form), rounded down."""
    first, second, _ = _PROBES
    step = second - first
    slope = Fraction(needs[1] - needs[0], step)
    bend = Fraction(needs[2] - 2 * needs[1] + needs[0], 2 * step * step)
    return floor(needs[0] + (count - first) * (slope + (count - second) * bend))


def _most(needs: Sequence[int], budget: int) -> int:
    low, high = 1, 1 << 20
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _parabola(needs, middle) <= budget else (low, middle - 1)
    return low


GAS_CAP = Experiment(
    id="gas-cap",
    title="Liquidations under the gas cap",
    techniques=(Technique.GAS_CAP,),
    question="How many accounts can one transaction liquidate, of as much gas as it may have?",
    source=LAB / "Liquidations.sol",
    variants=(_LIQUIDATORS[0], _LIQUIDATORS[2]),
    sizes=(CAP // 16, CAP),
    unit="gas allowed",
    drive=_gas_cap,
    claim="Under a cap, gas saved per item is items gained per transaction.",
    rule="EIP-7825: a transaction has at most 2^24 gas, from Osaka on",
    pays="Whenever a queue must be worked off faster than prices move.",
    does_not_pay="If the work can be parted over transactions of different keepers.",
    readability="As of `liquidations`.",
    per_item=False,
)


# --- bytes on layer 2 -----------------------------------------------------------------------------


def zipped(data: bytes) -> bytes:
    r"""Calldata as solady's LibZip shortens it: runs of zeros, and of 0xff, as two bytes.

    >>> zipped(bytes(5) + b"a" + b"\xff" * 40).hex()
    'fffb9eff9f0087'
    """
    out = bytearray()
    at = 0
    while at < len(data):
        byte, run = data[at], 1
        if byte in (0x00, 0xFF):
            most = 0x80 if byte == 0 else 0x20
            while run < most and at + run < len(data) and data[at + run] == byte:
                run += 1
            out += bytes((0, run - 1 if byte == 0 else 0x80 | run - 1))
        else:
            out.append(byte)
        at += run
    # The first four bytes are inverted, so that no selector answers to them.
    return bytes(255 - byte for byte in out[:4]) + bytes(out[4:])


def _l2_fees(bench: Bench, n: int) -> None:
    random = Random("l2-fees")
    accounts = [random.randbytes(20) for _ in range(12)]
    trades = []
    for _ in range(n):
        buyer, seller = random.sample(range(len(accounts)), 2)
        trades.append((buyer, seller, random.randrange(49_000, 51_000), random.randrange(1, 500)))
    by_address = [(accounts[a], accounts[b], price, lots) for a, b, price, lots in trades]
    records = b"".join(
        bytes((a, b)) + price.to_bytes(4, "big") + lots.to_bytes(4, "big")
        for a, b, price, lots in trades
    )
    contract = bench.deploy()
    match bench.variant.name:
        case "abi":
            bench.measure("settle", by_address)
        case "zipped":
            data = zipped(contract.encode("settle", by_address))
            bench.measure_raw(contract.address, data, label="settle")
        case "packed":
            packed = b"".join(
                a + b + price.to_bytes(4, "big") + lots.to_bytes(4, "big")
                for a, b, price, lots in by_address
            )
            bench.measure("settle", packed)
        case "dictionary":
            bench.measure("settle", accounts, records)
        case "registry":
            bench.setup("register", accounts)
            bench.measure("settle", records)
    held = [0] * len(accounts)
    for buyer, seller, price, lots in trades:
        held[buyer] -= price * lots
        held[seller] += price * lots
    bench.expect("balances", [bench.read("balanceOf", account) for account in accounts], held)


L2_FEES = Experiment(
    id="l2-fees",
    title="Bytes that layer 2 pays for",
    techniques=(Technique.L2_FEES, Technique.ZERO_COPY),
    question="The same n trades in five encodings: how many bytes are left after compression?",
    source=LAB / "RollupFees.sol",
    variants=(
        Variant("abi", "RollupFeesAbi", "Four words of ABI for each trade."),
        Variant("zipped", "RollupFeesZipped", "The same, runs of zeros shortened by LibZip."),
        Variant("packed", "RollupFeesPacked", "48 bytes for each trade."),
        Variant("dictionary", "RollupFeesDictionary", "Accounts once, then 10 bytes a trade."),
        Variant("registry", "RollupFeesRegistry", "Accounts stored before; 10 bytes a trade."),
    ),
    sizes=(1, 4, 16, 64),
    unit="trade",
    drive=_l2_fees,
    **words_of(LAB / "RollupFees.sol"),
)

EXPERIMENTS: tuple[Experiment, ...] = (
    SETTLEMENT,
    MULTICALL,
    MARGIN,
    FUNDING,
    LIQUIDATIONS,
    GAS_CAP,
    L2_FEES,
)
