"""The whole life of n fills, settled in six ways.

A way's transactions are equal in size, and hold no more fills than fit under the lowest cap of all
schedules. Where a case is many transactions, the first few are sent; the first creates what the
others change, and from the second on each costs the same to the unit. `Bench.compose` shows that,
counts the rest, and says so in the row: `composed` is how many were counted and not sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from gaslab.bench import Bench
from gaslab.catalogue.headers import LAB, words_of
from gaslab.catalogue.trees import keccak, levels, ordered_pair, proof
from gaslab.environment import Deployed
from gaslab.experiment import Experiment, Technique, Variant

ACCOUNTS = 16
STEADY = 3  # transactions that must agree before one stands for more
WHOLE = 10  # as many transactions as this are all sent
READ = 40  # fills are read back, as many as every way always sends
PER_TRANSACTION = {
    "struct": 10,
    "packed": 50,
    "hashed": 100,
    "netted": 500,
    "calldata-root": 500,
    "blob-root": 2_000,  # two field elements each, of the 4,096 of a blob
}


@dataclass(frozen=True)
class Fill:
    taker: int
    maker: int
    instrument: int
    time: int
    order: int
    price: int
    lots: int
    fee: int

    @property
    def words(self) -> tuple[int, int]:
        """As contracts/lab/Macro.sol draws them."""
        first = self.taker << 216 | self.maker << 184 | self.instrument << 160
        first |= self.time << 120 | self.order << 56
        return first, self.price << 184 | self.lots << 120 | self.fee << 56


def _digits(value: int, count: int) -> int:
    """A number of `count` bytes, none of them zero, that differs for each value."""
    found = 0
    for _ in range(count):
        value, digit = divmod(value, 250)
        found = found << 8 | digit + 1
    return found


def fill_at(i: int) -> Fill:
    """The i-th fill.

    All fills have zeros in the same bytes, so that all transactions of one size are charged the
    same for their bytes.
    """
    return Fill(
        taker=1 + i % ACCOUNTS,
        maker=1 + (5 * i + 3) % ACCOUNTS,  # never the taker: 4i + 3 is odd
        instrument=_digits(i * 7, 2),
        time=0x6A_0B_0C_0D_00 + _digits(i, 1),
        order=_digits(i, 5),
        price=_digits(i * 7919, 3),
        lots=_digits(i * 31, 2),
        fee=_digits(i * 17, 2),
    )


def balances_of(fills: Sequence[Fill]) -> list[tuple[int, int]]:
    """Cash and lots of each account."""
    cash, lots = [0] * (ACCOUNTS + 1), [0] * (ACCOUNTS + 1)
    for fill in fills:
        value = fill.price * fill.lots
        cash[fill.taker] -= value
        cash[fill.maker] += value
        lots[fill.taker] += fill.lots
        lots[fill.maker] -= fill.lots
    return list(zip(cash[1:], lots[1:], strict=True))


# --- what each way sends, and how it shows a fill -------------------------------------------------


def _send(bench: Bench, fills: Sequence[Fill]) -> None:
    body = [word for fill in fills for word in fill.words]
    match bench.variant.name:
        case "struct":
            bench.measure("settle", [astuple(fill) for fill in fills])
        case "netted":
            bench.measure("settle", body, ACCOUNTS)
        case "blob-root":
            blob = b"".join(word.to_bytes(32, "big") for word in body).ljust(131_072, b"\0")
            # The EVM sees 32 bytes and their version; they stand for the blob's commitment here.
            hashes = [b"\x01" + keccak(blob)[1:]]
            bench.measure("settle", len(fills), blob_hashes=hashes)
        case _:
            bench.measure("settle", body)


def _stored(contract: Deployed, _batch: Sequence[Fill], place: int, fill: Fill) -> bool:
    return tuple(contract.call("fillAt", place)) == astuple(fill)


def _hashed(contract: Deployed, _batch: Sequence[Fill], place: int, fill: Fill) -> bool:
    return bool(contract.call("has", place, *fill.words))


def _proven(contract: Deployed, batch: Sequence[Fill], place: int, fill: Fill) -> bool:
    leaves = [word.to_bytes(32, "big") for one in batch for word in one.words]
    above = levels(leaves, ordered_pair)[1:]
    return bool(contract.call("has", 0, place, *fill.words, proof(above, place)))


_SHOWS: dict[str, Callable[[Deployed, Sequence[Fill], int, Fill], bool]] = {
    "struct": _stored,
    "packed": _stored,
    "hashed": _hashed,
    "calldata-root": _proven,
}


def _observe(bench: Bench, n: int, sent: int) -> None:
    """See that all is settled, that a fill is there and a false one is not, what accounts hold."""
    way, contract = bench.variant.name, bench.contract
    bench.expect("all that was sent is settled", bench.read("count") == sent, True)
    if shows := _SHOWS.get(way):
        batch = [fill_at(i) for i in range(min(n, PER_TRANSACTION[way]))]
        place = len(batch[: PER_TRANSACTION["struct"]]) - 1
        bench.expect("a fill is shown", shows(contract, batch, place, fill_at(place)), True)
        bench.expect("a false one is shown", shows(contract, batch, place, fill_at(n)), False)
    if way == "netted":
        held = [bench.read("accountOf", account) for account in range(1, ACCOUNTS + 1)]
        name = "accounts" if n <= READ else "accounts of many"
        bench.expect(name, held, balances_of([fill_at(i) for i in range(sent)]))
    elif way in ("struct", "packed"):
        found = [Fill(*contract.call("fillAt", i)) for i in range(min(n, READ))]
        bench.expect("fills", found, [fill_at(i) for i in range(len(found))])
        if n <= READ:  # what accounts hold follows from fills that are all there
            bench.observe("accounts", balances_of(found))
    elif way == "blob-root":
        bench.expect("version of the hash", bench.read("blobOf", 0)[0], 1)


def _macro(bench: Bench, n: int) -> None:
    most = PER_TRANSACTION[bench.variant.name]
    bench.deploy()
    transactions = -(-n // most)
    sent = transactions if transactions <= WHOLE else 1 + STEADY
    for start in range(0, min(n, sent * most), most):
        _send(bench, [fill_at(i) for i in range(start, min(n, start + most))])
    _observe(bench, n, min(n, sent * most))
    if transactions > sent:
        bench.compose(transactions - sent, steady=STEADY)


_ROOTED = frozenset({"accounts", "fills"})
_UNSHOWN = frozenset({"fills", "a fill is shown", "a false one is shown", "accounts of many"})

MACRO = Experiment(
    id="macro",
    title="The life of n fills",
    techniques=(Technique.OFF_CHAIN, Technique.OFF_HEAP, Technique.BATCHING, Technique.BLOAT),
    question="What does it cost to settle n fills, by how much of them the chain keeps?",
    source=LAB / "Macro.sol",
    variants=(
        Variant("struct", "FillsInStructs", "Eight slots for each fill; 10 a transaction."),
        Variant("packed", "FillsPacked", "Two slots for each fill; 50 a transaction."),
        Variant(
            "hashed",
            "FillsHashed",
            "One slot for each fill, its hash; 100 a transaction.",
            differs="the chain keeps hashes; fills are in past calldata",
            exempt=_ROOTED,
        ),
        Variant(
            "netted",
            "FillsNetted",
            "One slot for each of 16 accounts; 500 a transaction.",
            differs="the chain keeps what accounts hold, not the fills that led there",
            exempt=_UNSHOWN,
        ),
        Variant(
            "calldata-root",
            "FillsUnderRoot",
            "One slot for each batch, a root that the chain builds; 500 a transaction.",
            differs="the chain keeps roots; fills are in past calldata",
            exempt=_ROOTED,
        ),
        Variant(
            "blob-root",
            "FillsInBlobs",
            "One slot for each batch, a blob's versioned hash; 2,000 a transaction.",
            differs="the chain keeps hashes; fills are in blobs, which nodes forget after 18 days",
            exempt=_ROOTED | _UNSHOWN | {"version of the hash"},
        ),
    ),
    sizes=(1, 10, 100, 1_000, 10_000),
    unit="fill",
    drive=_macro,
    **words_of(LAB / "Macro.sol"),
    layout=("FillsInStructs", "FillsPacked"),
)

EXPERIMENTS: tuple[Experiment, ...] = (MACRO,)
