"""How state lives: what is created, reused, shared, locked, purged, or never kept at all."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from sha3 import keccak_256

from gaslab.bench import Bench
from gaslab.catalogue.headers import LAB, words_of
from gaslab.catalogue.storage import account, word
from gaslab.environment import Deployed
from gaslab.errors import Reverted
from gaslab.experiment import Experiment, Technique, Variant

MARKETS = 8
HOT_MARKETS = 4  # of the fees' experiment
SENDERS = 10


def refuses(bench: Bench, name: str, *args: Any, at: Deployed | None = None) -> bool:
    """Whether a call would revert; it leaves no trace."""
    try:
        bench.read(name, *args, at=at)
    except Reverted:
        return True
    return False


# --- slots that come and go -----------------------------------------------------------------------


def orders_of(n: int, seed: str) -> list[tuple[int, int, int]]:
    """As the struct `Order` of OrderPool.sol."""
    return [
        (word(f"{seed} price {i}", 64), word(f"{seed} size {i}", 64), word(f"{seed} who {i}", 32))
        for i in range(n)
    ]


def drive_pool(bench: Bench, n: int) -> None:
    """Places and cancels n orders, where as many were before."""
    bench.deploy()
    if bench.variant.name == "pool":
        bench.setup("prepare", 1, n)
    elif bench.variant.name == "pool-and-its-price":
        bench.measure("prepare", 1, n)
    else:
        first = bench.setup("place", orders_of(n, "first"))
        bench.setup("cancel", bench.contract.decode("place", first))
    orders = orders_of(n, "second")
    handles = bench.contract.decode("place", bench.measure("place", orders).output)
    bench.observe("distinct", len(set(handles)))
    shown = handles[:: max(n // 8, 1)]
    bench.observe("orders", [bench.read("get", handle) for handle in shown])
    bench.measure("cancel", handles)
    bench.observe("cancelled", [bench.read("get", handle) for handle in shown])
    bench.observe("cancelled twice", refuses(bench, "cancel", handles[:1]))


ORDER_POOL = Experiment(
    id="order-pool",
    title="Order pool",
    techniques=(Technique.POOL, Technique.BLOAT),
    question="What does it cost to place an order and to cancel it, again and again?",
    source=LAB / "OrderPool.sol",
    variants=(
        Variant("fresh-slots", "FreshSlots", "A new slot for each order, cleared in the end."),
        Variant(
            "reused-ids", "ReusedIds", "Ids are used again; their slots are cleared and created."
        ),
        Variant("pool", "Pool", "Slots made in advance, linked while free, never zero."),
        Variant(
            "pool-and-its-price", "Pool", "The same, and the transaction that makes them counts."
        ),
    ),
    sizes=(1, 8, 32, 64),
    unit="order placed and cancelled",
    drive=drive_pool,
    **words_of(LAB / "OrderPool.sol"),
)


def drive_dust(bench: Bench, n: int) -> None:
    """Deposits and withdraws everything, n times."""
    bench.deploy()
    amounts = [word(f"amount {i}", 80) for i in range(n + 1)]
    bench.setup("deposit", amounts[n])
    bench.setup("withdraw", amounts[n])
    owner = bench.environment.accounts[0]
    seen = []
    for amount in amounts[:n]:
        bench.measure("deposit", amount)
        seen.append(bench.read("balanceOf", owner))
        seen.append(refuses(bench, "withdraw", amount + 1))
        bench.measure("withdraw", amount)
        seen.append(bench.read("balanceOf", owner))
    bench.observe("seen", seen)


DUST = Experiment(
    id="leave-dust",
    title="Balances that never become zero",
    techniques=(Technique.POOL,),
    question="What does an account pay that empties and fills again?",
    source=LAB / "Dust.sol",
    variants=(
        Variant("exact", "Exact", "The balance itself; its slot is cleared and created."),
        Variant("off-by-one", "OffByOne", "One more than the balance: the slot is only changed."),
    ),
    sizes=(1, 4, 16),
    unit="deposit and withdrawal",
    drive=drive_dust,
    **words_of(LAB / "Dust.sol"),
)


def drive_purge(bench: Bench, n: int) -> None:
    """Closes the second round of n tickets."""
    bench.deploy()
    bench.setup("open", n, word("first", 100))
    bench.setup("close", n)
    bench.setup("open", n, word("second", 100))
    bench.observe("open", _tickets(bench, n))
    bench.measure("close", n)
    bench.observe("closed", _tickets(bench, n))
    bench.observe("closed twice", refuses(bench, "close", n))


def drive_purge_and_reuse(bench: Bench, n: int) -> None:
    """Closes the second round of n tickets and opens the third."""
    drive_purge(bench, n)
    bench.measure("open", n, word("third", 100))
    bench.observe("third", _tickets(bench, n))


def _tickets(bench: Bench, n: int) -> list[tuple[bool, int]]:
    ids = sorted({0, n // 2, n - 1, n})
    return [(bench.read("isOpen", i), bench.read("stakeOf", i)) for i in ids]


_PURGES = (
    Variant("keep", "Keep", "Marks the record; the next round has its own."),
    Variant("delete", "Delete", "Clears the record; the next round creates it again."),
    Variant("sentinel", "Sentinel", "Overwrites the record with a value that means closed."),
    Variant("epoch", "Epoch", "Counts the round on; its records are void by that."),
)

PURGE = Experiment(
    id="purge",
    title="Purge",
    techniques=(Technique.BLOAT,),
    question="What does it cost to be done with n records?",
    source=LAB / "Purge.sol",
    variants=_PURGES,
    sizes=(1, 8, 32, 64),
    unit="record closed",
    drive=drive_purge,
    **words_of(LAB / "Purge.sol"),
)

PURGE_AND_REUSE = Experiment(
    id="purge-and-reuse",
    title="Purge, then the next round",
    techniques=(Technique.BLOAT, Technique.POOL),
    question="What does it cost to be done with n records and to write as many again?",
    source=LAB / "Purge.sol",
    variants=_PURGES,
    sizes=(1, 8, 32, 64),
    unit="record closed and opened",
    drive=drive_purge_and_reuse,
    **words_of(LAB / "Purge.sol"),
)


# --- what need not be kept ------------------------------------------------------------------------


def drive_nonces(bench: Bench, n: int) -> None:
    """Uses the first n nonces of an account, in one transaction."""
    bench.deploy()
    if bench.variant.name == "mask":
        for place in range(-(-n // 256)):
            bench.measure("consumeMask", place, (1 << min(n - 256 * place, 256)) - 1)
        bench.observe("twice", refuses(bench, "consumeMask", 0, 1))
    else:
        bench.measure("consume", list(range(n)))
        bench.observe("twice", refuses(bench, "consume", [0]))
    owner, other = bench.environment.accounts[:2]
    nonces = sorted({0, n // 2, n - 1, n, n + 1, n + 300})
    bench.observe("used", [bench.read("isUsed", owner, nonce) for nonce in nonces])
    bench.observe("others", [bench.read("isUsed", other, nonce) for nonce in nonces])
    bench.observe("next may wait", not refuses(bench, "consume", [n + 1]))


NONCES = Experiment(
    id="nonces",
    title="Nonces",
    techniques=(Technique.BLOAT, Technique.COMPACTION, Technique.SIGNATURES),
    question="What does it cost to remember that n orders were used?",
    source=LAB / "Nonces.sol",
    variants=(
        Variant("bool", "BoolNonces", "A slot for each nonce."),
        Variant("bitmap", "Bitmap", "A bit for each nonce, set one by one."),
        Variant("mask", "Mask", "The same bits, set by a mask that the caller sends."),
        Variant(
            "counter",
            "Sequential",
            "A counter.",
            differs="nonces must be used in order",
            exempt=frozenset({"next may wait"}),
        ),
    ),
    sizes=(1, 4, 16, 64, 128),
    unit="nonce used",
    drive=drive_nonces,
    **words_of(LAB / "Nonces.sol"),
)


# As the struct `Order` of Bloat.sol.
BloatOrder = tuple[bytes, int, int, int, int, bytes]
_ORDER = "(address,uint32,uint64,uint64,uint64,bytes32)"


def _bloat_orders(n: int) -> list[BloatOrder]:
    return [
        (
            account(f"trader {i}"),
            word(f"market {i}", 32),
            word(f"price {i}", 64),
            word(f"size {i}", 64),
            word(f"expiry {i}", 64),
            word(f"client {i}", 256).to_bytes(32, "big"),
        )
        for i in range(n)
    ]


def drive_bloat(bench: Bench, n: int) -> None:
    """Places n orders in one transaction; there was one before."""
    bench.deploy()
    orders = _bloat_orders(n + 1)
    bench.setup("place", orders[:1])
    placed = bench.measure("place", orders[1:])
    bench.observe("placed", bench.contract.logs(placed))
    bench.observe("count", bench.read("count"))
    bench.observe("order shown", _is_shown(bench, orders))


def _is_shown(bench: Bench, orders: Sequence[BloatOrder]) -> bool:
    """Whether the chain knows the last order, in the way that the variant does."""
    known = False
    last = len(orders) - 1
    match bench.variant.name:
        case "struct":
            trader, *rest = bench.read("get", last)
            known = (trader, *rest) == orders[last]
        case "hash":
            shown = [bench.read("check", last, order) for order in (orders[last], orders[0])]
            known = shown == [True, False]
        case "rolling-hash":
            head = bytes(32)
            for order in orders:
                head = keccak_256(encode(["bytes32", _ORDER], [head, order])).digest()
            known = bench.read("head") == head
    return known


BLOAT = Experiment(
    id="bloat",
    title="Bytes of state per order",
    techniques=(Technique.BLOAT, Technique.OFF_HEAP),
    question="How much state does an order leave behind, and at what price?",
    source=LAB / "Bloat.sol",
    variants=(
        Variant("struct", "StoreStruct", "The whole order."),
        Variant(
            "hash",
            "StoreHash",
            "Its hash.",
            differs="whoever uses an order must show it",
        ),
        Variant(
            "rolling-hash",
            "RollingHash",
            "A hash of all orders so far.",
            differs="to show an order is to show all that came after it",
        ),
        Variant(
            "count",
            "CountOnly",
            "The count.",
            differs="the chain can't tell a true order from a false one",
            exempt=frozenset({"order shown"}),
        ),
    ),
    sizes=(1, 4, 16, 32),
    unit="order placed",
    drive=drive_bloat,
    layout=("StoreStruct",),
    **words_of(LAB / "Bloat.sol"),
)


# --- what is shared -------------------------------------------------------------------------------


def drive_shards(bench: Bench, n: int) -> None:
    """Lets n accounts trade in turn, spread over the markets, as all did before."""
    bench.deploy()
    for i in range(n):
        bench.setup("trade", i, i % MARKETS, word(f"old {i}", 60), sender=i % SENDERS)
    for i in range(n):
        bench.measure("trade", i, i % MARKETS, word(f"new {i}", 60), sender=i % SENDERS)
    totals = bench.read("totals", n, MARKETS)
    bench.observe("totals", totals)
    markets = [bench.read("volumeOfMarket", i, n) for i in range(MARKETS)]
    accounts = [bench.read("volumeOfAccount", i, MARKETS) for i in range(n)]
    bench.observe("volume by market", markets)
    bench.observe("volume by account", accounts)
    bench.observe("sums agree", sum(markets) == sum(accounts) == totals[1])


SHARDING = Experiment(
    id="sharding",
    title="Sharded counters",
    techniques=(Technique.SHARDING,),
    question="How long is a block of trades if whatever can run side by side does?",
    source=LAB / "Sharding.sol",
    variants=(
        Variant("global", "GlobalCounters", "Every trade writes a global counter."),
        Variant("per-market", "PerMarket", "Counters by market and by account; sums are views."),
        Variant("per-account", "PerAccount", "A counter by account and market alone."),
    ),
    sizes=(4, 16, 32),
    unit="trade",
    drive=drive_shards,
    **words_of(LAB / "Sharding.sol"),
)

_LANES = {"single": 1, "per-market": HOT_MARKETS, "per-account": 16}


def drive_fees(bench: Bench, n: int) -> None:
    """Lets n accounts trade in turn, in few markets, and sweeps the fees, as it was before."""
    bench.deploy()
    lanes = _LANES[bench.variant.name]
    for step in (bench.setup, bench.measure):
        for i in range(n):
            notional = 10**6 + word(f"{step.__name__} {i}", 60)
            step("trade", i, i % HOT_MARKETS, notional, sender=i % SENDERS)
        step("sweep", lanes)
    bench.observe("treasury", bench.read("treasury"))
    bench.observe("booked", [bench.read("booked", i) for i in range(n)])


CONFLICT_FREE_FEES = Experiment(
    id="conflict-free-fees",
    title="Fees without a common slot",
    techniques=(Technique.SHARDING,),
    question="What do fees cost that do not make trades wait for each other?",
    source=LAB / "FeeLanes.sol",
    variants=(
        Variant("single", "SingleLane", "One accumulator."),
        Variant("per-market", "LanePerMarket", "An accumulator per market, swept later."),
        Variant("per-account", "LanePerAccount", "Sixteen, chosen by the account, swept later."),
    ),
    sizes=(4, 16, 32),
    unit="trade",
    drive=drive_fees,
    **words_of(LAB / "FeeLanes.sol"),
)


# --- what lives for one transaction ---------------------------------------------------------------


def drive_lock(bench: Bench, n: int) -> None:
    """Makes n deposits in one transaction; each calls the customer back."""
    desk = bench.deploy()
    customer = bench.deploy(contract="Customer")
    bench.setup("run", desk.address, 1, False, at=customer)
    bench.measure("run", desk.address, n, False, at=customer)
    bench.observe("balance", bench.read("balance", customer.address))
    bench.observe("re-entry", refuses(bench, "run", desk.address, 1, True, at=customer))


REENTRANCY_LOCK = Experiment(
    id="reentrancy-lock",
    title="Reentrancy lock",
    techniques=(Technique.OPCODES, Technique.POOL),
    question="What does it cost to keep callers from coming in twice?",
    source=LAB / "ReentrancyLock.sol",
    variants=(
        Variant("bool", "BoolLock", "A bool, created and cleared by each call."),
        Variant("one-two", "OneTwoLock", "OpenZeppelin's 1 and 2."),
        Variant("hot-word", "HotWordLock", "A bit of the word that is written anyway."),
        Variant("transient", "TransientLock", "OpenZeppelin's transient bit."),
        Variant(
            "none",
            "NoLock",
            "No lock.",
            differs="callers can come in twice",
            exempt=frozenset({"re-entry"}),
        ),
    ),
    sizes=(1, 4, 16),
    unit="guarded call",
    drive=drive_lock,
    **words_of(LAB / "ReentrancyLock.sol"),
)


def drive_sum(bench: Bench, n: int) -> None:
    """Books n legs of both signs and settles, in one transaction; there was one before."""
    ledger = bench.deploy()
    router = bench.deploy(contract="Router")
    run = "runBatch" if bench.variant.name == "one-call" else "run"
    legs = [(-1) ** i * word(f"leg {i}", 100) for i in range(n)]
    bench.setup(run, ledger.address, [word("first", 100)], at=router)
    settled = bench.measure(run, ledger.address, legs, at=router)
    bench.observe("logs", ledger.logs(settled))
    bench.observe("balance", bench.read("balance"))
    bench.observe("right", bench.read("balance") == word("first", 100) + sum(legs))


TRANSIENT_CACHE = Experiment(
    id="transient-cache",
    title="Sums that live for one transaction",
    techniques=(Technique.OPCODES,),
    question="Where should nested calls add up what they settle in the end?",
    source=LAB / "RunningSum.sol",
    variants=(
        Variant("storage", "StorageLedger", "A slot that is zero between transactions."),
        Variant("direct", "DirectLedger", "The balance itself, written by every leg."),
        Variant("transient", "TransientLedger", "A transient slot."),
        Variant("one-call", "MemoryLedger", "All legs in one call; the sum is on the stack."),
    ),
    sizes=(1, 4, 16, 64),
    unit="leg",
    drive=drive_sum,
    **words_of(LAB / "RunningSum.sol"),
)

EXPERIMENTS = (
    ORDER_POOL,
    DUST,
    PURGE,
    PURGE_AND_REUSE,
    NONCES,
    BLOAT,
    SHARDING,
    CONFLICT_FREE_FEES,
    REENTRANCY_LOCK,
    TRANSIENT_CACHE,
)
