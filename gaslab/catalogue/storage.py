"""Where words stand in storage: rings, packing, alignment, lists, and data kept elsewhere."""

from eth_abi.abi import encode
from sha3 import keccak_256

from gaslab.bench import Bench
from gaslab.catalogue.headers import LAB, words_of
from gaslab.experiment import Experiment, Technique, Variant

WINDOW = 12  # prices that a history keeps, as in RingBuffer.sol


def word(seed: str, bits: int) -> int:
    """A number of at most `bits`, never zero, the same every time."""
    digest: bytes = keccak_256(seed.encode()).digest()
    return int.from_bytes(digest, "big") % ((1 << bits) - 1) + 1


def account(seed: str) -> bytes:
    """An address, the same every time."""
    return word(seed, 160).to_bytes(20, "big")


# --- rings ----------------------------------------------------------------------------------------


def drive_ring(bench: Bench, n: int) -> None:
    """Pushes, each a transaction, into a history that has gone round once."""
    bench.deploy()
    prices = [word(f"price {i}", 64) for i in range(WINDOW + 1 + n)]
    for price in prices[: WINDOW + 1]:
        bench.setup("push", price)
    for price in prices[WINDOW + 1 :]:
        bench.measure("push", price)
    bench.observe("count", bench.read("count"))
    bench.observe("newest", [bench.read("at", back) for back in range(WINDOW)])


RING_BUFFER = Experiment(
    id="ring-buffer",
    title="Ring buffer",
    techniques=(Technique.RING_BUFFER, Technique.COMPACTION),
    question="What does a feed pay to remember its last twelve prices?",
    source=LAB / "RingBuffer.sol",
    variants=(
        Variant("growing-array", "GrowingArray", "Appends to an array that only grows."),
        Variant("ring", "Ring", "Overwrites the oldest slot; a cursor in a slot of its own."),
        Variant("packed-ring", "PackedRing", "Four prices to a word of the ring."),
        Variant("head-ring", "HeadRing", "Cursor and newest prices in one word, spilled if full."),
    ),
    sizes=(3, 12, 24),
    unit="price pushed",
    drive=drive_ring,
    layout=("Ring", "PackedRing", "HeadRing"),
    **words_of(LAB / "RingBuffer.sol"),
)


# --- structs --------------------------------------------------------------------------------------


def drive_alignment(bench: Bench, n: int) -> None:
    """One update of n records that are there."""
    bench.deploy()
    market = word("market", 256).to_bytes(32, "big")
    terms = (word("p", 64), market, word("m", 96), account("trader"), word("s", 96), 2**32 - 1)
    bench.setup("open", n, terms)
    bench.observe("opened", [bench.read("get", i) for i in {0, n - 1}])
    bench.measure("update", n, word("q", 64), word("r", 96), word("t", 96))
    bench.observe("updated", [bench.read("get", i) for i in {0, n // 2, n - 1, n}])


SLOT_ALIGNMENT = Experiment(
    id="slot-alignment",
    title="Slot alignment",
    techniques=(Technique.ALIGNMENT,),
    question="What does the order of a struct's fields cost whoever updates three of them?",
    source=LAB / "SlotAlignment.sol",
    variants=(
        Variant("by-meaning", "ByMeaning", "Fields in the order in which one thinks of them."),
        Variant("aligned", "Aligned", "The fields that change together share a slot."),
        Variant("hand-packed", "HandPacked", "The same slots; the hot one is packed by hand."),
    ),
    sizes=(1, 4, 16, 64),
    unit="record updated",
    drive=drive_alignment,
    layout=("ByMeaning", "Aligned", "HandPacked"),
    **words_of(LAB / "SlotAlignment.sol"),
)


def positions_of(n: int, first: int = 0) -> list[tuple[bytes, int, int, int, int, int, int, int]]:
    """As the struct `Position` of PositionStruct.sol; signed fields of both signs."""
    return [
        (
            account(f"trader {i}"),
            word(f"market {i}", 32),
            (-1) ** i * word(f"size {i}", 60),
            word(f"entry {i}", 64),
            word(f"margin {i}", 60),
            -((-1) ** i) * word(f"funding {i}", 63),
            word(f"opened {i}", 40),
            word(f"leverage {i}", 8),
        )
        for i in range(first, first + n)
    ]


def drive_open(bench: Bench, n: int) -> None:
    """Opens n positions; there was one before."""
    bench.deploy()
    bench.setup("open", positions_of(1))
    bench.measure("open", positions_of(n, 1))
    bench.observe("count", bench.read("count"))
    bench.observe("positions", [bench.read("get", i) for i in range(n + 2)])


def drive_adjust(bench: Bench, n: int) -> None:
    """Changes size and margin of n positions."""
    bench.deploy()
    bench.setup("open", positions_of(n + 1))
    bench.measure("adjust", 1, n, -word("more", 40), word("margin", 40))
    bench.observe("positions", [bench.read("get", i) for i in range(n + 1)])


_POSITIONS = (
    Variant("eight-slots", "EightSlots", "A word for each field."),
    Variant("narrow-fields", "NarrowFields", "Two slots; an adjustment changes both."),
    Variant("two-slots", "TwoSlots", "Two slots, so ordered that an adjustment changes one."),
)

POSITION_STRUCT = Experiment(
    id="position-struct",
    title="Position struct: opening",
    techniques=(Technique.ALIGNMENT, Technique.COMPACTION),
    question="What does it cost to open positions that fill eight slots, or two?",
    source=LAB / "PositionStruct.sol",
    variants=_POSITIONS,
    sizes=(1, 4, 16, 32),
    unit="position opened",
    drive=drive_open,
    layout=("EightSlots", "NarrowFields", "TwoSlots"),
    **words_of(LAB / "PositionStruct.sol"),
)

POSITION_ADJUST = Experiment(
    id="position-adjust",
    title="Position struct: adjusting",
    techniques=(Technique.ALIGNMENT,),
    question="What does it cost to change two fields of positions that exist?",
    source=LAB / "PositionStruct.sol",
    variants=_POSITIONS,
    sizes=(1, 4, 16, 32),
    unit="position adjusted",
    drive=drive_adjust,
    **words_of(LAB / "PositionStruct.sol"),
)


def drive_hot_cold(bench: Bench, n: int) -> None:
    """One update of all marks and funding indices, then one quote."""
    bench.deploy()
    fields = [[word(f"{i} {j}", 32) for j in range(6)] for i in range(n)]
    listed = [(*row, account(f"oracle {i}"), word(f"min {i}", 32)) for i, row in enumerate(fields)]
    bench.setup("list", listed)
    bench.observe("listed", [bench.read("get", i) for i in range(n)])
    bench.measure("update", [(word(f"mark {i}", 32), word(f"fund {i}", 32)) for i in range(n)])
    quote = bench.measure("quote", n // 2)
    bench.observe("quoted", bench.contract.logs(quote))
    bench.observe("updated", [bench.read("get", i) for i in range(n)])


HOT_COLD = Experiment(
    id="hot-cold-split",
    title="Hot and cold fields",
    techniques=(Technique.ALIGNMENT, Technique.COMPACTION),
    question="What does it cost to update n instruments, and then to use one?",
    source=LAB / "HotCold.sol",
    variants=(
        Variant("mixed", "Mixed", "Hot fields in two slots, among cold ones."),
        Variant("together", "HotTogether", "Hot fields in one slot of the record."),
        Variant("split", "HotWords", "Hot fields apart from the record, two records to a word."),
    ),
    sizes=(1, 2, 8, 32),
    unit="instrument updated",
    drive=drive_hot_cold,
    layout=("Mixed", "HotTogether", "HotWords"),
    **words_of(LAB / "HotCold.sol"),
)


# --- lists and boards -----------------------------------------------------------------------------


def drive_list(bench: Bench, n: int) -> None:
    """A list that once held twice as many: half of n orders go, then the rest is walked."""
    bench.deploy()
    ids = [word(f"order {i}", 32) for i in range(2 * n)]
    bench.setup("add", ids)
    listed = list(ids)  # the caller's own record of who stands where
    early, late, kept = sorted(ids)[:n], sorted(ids)[n : n + n // 2], sorted(ids)[n + n // 2 :]
    bench.setup("remove", early, _indices(bench, listed, early))
    bench.measure("remove", late, _indices(bench, listed, late))
    walk = bench.measure("sweep")
    bench.observe("walked", bench.contract.logs(walk))
    bench.observe("kept", [listed[bench.read("indexOf", one)] for one in kept])


def _indices(bench: Bench, listed: list[int], gone: list[int]) -> list[int]:
    """Where each id stands by the time it goes; takes them out of `listed`."""
    indices = []
    for one in gone:
        index = listed.index(one)
        last = 0 if bench.variant.name == "holes" else listed.pop()
        if index < len(listed):
            listed[index] = last
        indices.append(index)
    return indices


SWAP_AND_POP = Experiment(
    id="swap-and-pop",
    title="Swap and pop",
    techniques=(Technique.COMPACTION,),
    question="What does it cost to take orders off a list that has seen some life, and to walk it?",
    source=LAB / "OrderList.sol",
    variants=(
        Variant("holes", "Holes", "Leaves a hole; walks everything."),
        Variant("enumerable-set", "Enumerable", "OpenZeppelin's set, with an index per member."),
        Variant("swap-and-pop", "SwapAndPop", "The last takes its place; the caller knows where."),
        Variant("packed", "PackedList", "The same, eight to a word."),
    ),
    sizes=(4, 12, 20, 60),  # what is left never fills its last word
    unit="order listed",
    drive=drive_list,
    **words_of(LAB / "OrderList.sol"),
)


def _ticks(n: int, round_: int) -> list[int]:
    return [word(f"tick {round_} {i}", 32) for i in range(n)]


def drive_set_prices(bench: Bench, n: int) -> None:
    """Sets n prices of a board that is full."""
    bench.deploy()
    full = -(-n // 8) * 8
    bench.setup("set", _ticks(full, 0))
    bench.measure("set", _ticks(n, 1))
    bench.observe("prices", [bench.read("get", i) for i in range(full)])


def drive_use_prices(bench: Bench, n: int) -> None:
    """Reads n prices."""
    bench.deploy()
    bench.setup("set", _ticks(-(-n // 8) * 8, 0))
    bench.observe("sum", bench.contract.logs(bench.measure("use", n)))


_BOARDS = (
    Variant("slot-each", "PricePerSlot", "A slot for each price."),
    Variant("solc-packed", "PackedBySolc", "uint32[256]: eight to a slot, one by one."),
    Variant("four-per-word", "FourPerWord", "Words of four, made on the stack, written once."),
    Variant("eight-per-word", "EightPerWord", "Words of eight, made on the stack, written once."),
)

PRICE_WORD = Experiment(
    id="price-word",
    title="Prices in words: setting",
    techniques=(Technique.COMPACTION, Technique.ORACLE),
    question="What does it cost to set n prices, one, four or eight to a slot?",
    source=LAB / "PriceBoard.sol",
    variants=_BOARDS,
    sizes=(1, 4, 16, 64),
    unit="price set",
    drive=drive_set_prices,
    **words_of(LAB / "PriceBoard.sol"),
)

PRICE_WORD_READ = Experiment(
    id="price-word-read",
    title="Prices in words: reading",
    techniques=(Technique.COMPACTION, Technique.ORACLE),
    question="What does it cost to read n prices, one, four or eight to a slot?",
    source=LAB / "PriceBoard.sol",
    variants=_BOARDS,
    sizes=(1, 4, 16, 64),
    unit="price read",
    drive=drive_use_prices,
    **words_of(LAB / "PriceBoard.sol"),
)


# --- off the heap ---------------------------------------------------------------------------------


def data_of(n: int) -> bytes:
    """N words, all different."""
    return b"".join(word(f"datum {i}", 256).to_bytes(32, "big") for i in range(n))


def drive_off_heap(bench: Bench, n: int) -> None:
    """Writes n words for the first time."""
    bench.deploy()
    data = data_of(n)
    digest = keccak_256(data).digest()
    match bench.variant.name:
        case "blob":
            # The EVM sees 32 bytes and their version; they stand for the blob's commitment here.
            digest = b"\x01" + digest[1:]
            bench.measure("write", blob_hashes=[digest])
            kept = bench.read("digest") == digest
        case "event":
            logs = bench.contract.logs(bench.measure("write", data))
            kept = logs == [("Written", {"words": data})]
        case _:
            bench.measure("write", data)
            kept = bench.read("digest") == digest
    bench.observe("kept", kept)
    if bench.variant.name in ("storage", "code"):
        bench.observe("sum", bench.read("use", b""))


def drive_off_heap_read(bench: Bench, n: int) -> None:
    """Uses n words that were written."""
    bench.deploy()
    data = data_of(n)
    bench.setup("write", data)
    used = bench.measure("use", data if bench.variant.name == "hash" else b"")
    total = sum(int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32))
    bench.observe("used", bench.contract.logs(used))
    bench.observe("right", used.output == encode(["uint256"], [total % 2**256]))


_KEPT = (
    Variant("storage", "InStorage", "A slot for each word."),
    Variant("code", "InCode", "The code of a contract made for it (SSTORE2)."),
)
_HASH = Variant(
    "hash",
    "AsHash",
    "One slot for the hash; whoever uses the data brings it as calldata.",
    differs="the chain keeps a hash, not the data",
    exempt=frozenset({"sum"}),
)

OFF_HEAP = Experiment(
    id="off-heap",
    title="Off-heap data: writing",
    techniques=(Technique.OFF_HEAP, Technique.BLOAT),
    question="Where is it cheapest to put n words?",
    source=LAB / "OffHeap.sol",
    variants=(
        *_KEPT,
        Variant(
            "event",
            "InLog",
            "A log.",
            differs="no contract can read a log",
            exempt=frozenset({"sum"}),
        ),
        Variant(
            "blob",
            "InBlob",
            "One slot for a blob's hash; the blob is paid for apart.",
            differs="the chain keeps a blob's hash; nodes forget the data after 18 days",
            exempt=frozenset({"sum"}),
        ),
        _HASH,
    ),
    sizes=(1, 4, 16, 64, 128),
    unit="word written",
    drive=drive_off_heap,
    **words_of(LAB / "OffHeap.sol"),
)

OFF_HEAP_READ = Experiment(
    id="off-heap-read",
    title="Off-heap data: using",
    techniques=(Technique.OFF_HEAP,),
    question="What does it cost to use n words that were put there?",
    source=LAB / "OffHeap.sol",
    variants=(*_KEPT, _HASH),
    sizes=(1, 4, 16, 64, 128),
    unit="word used",
    drive=drive_off_heap_read,
    **words_of(LAB / "OffHeap.sol"),
)

EXPERIMENTS = (
    RING_BUFFER,
    SLOT_ALIGNMENT,
    POSITION_STRUCT,
    POSITION_ADJUST,
    HOT_COLD,
    SWAP_AND_POP,
    PRICE_WORD,
    PRICE_WORD_READ,
    OFF_HEAP,
    OFF_HEAP_READ,
)
