"""Contracts beside contracts: configuration, clones, access lists."""

from __future__ import annotations

from pathlib import Path
from random import Random

from sha3 import keccak_256

from gaslab.bench import Bench
from gaslab.environment import Deployed
from gaslab.errors import Reverted
from gaslab.experiment import Experiment, Technique, Variant

LAB = Path(__file__).parents[2] / "contracts/lab"

PARAMETERS = (25, 3, 100, 10_000)  # as the constants of Config.sol
SEED = Random("deployment").getrandbits(64)
LIMIT = 2**40


# --- drivers --------------------------------------------------------------------------------------


def _drive_config(bench: Bench, n: int) -> None:
    desk = bench.deploy(contract="Desk")
    table = bench.deploy(PARAMETERS)
    measured = bench.measure("ask", table.address, n, at=desk)
    bench.observe("sum", desk.decode("ask", measured.output))
    bench.observe("total", bench.read("total", at=desk))


def _drive_clone(bench: Bench, n: int) -> None:
    """An escrow is opened, paid into once by the seller, and then by the buyer."""
    bench.deploy()
    buyer, seller, *_ = bench.environment.accounts
    opened = bench.measure("open", buyer, seller, LIMIT)
    address = bench.contract.decode("open", opened.output)
    # All escrows have one interface; the way to it is the address that the factory told.
    escrow = Deployed(bench.environment, bench.contracts["FullEscrow"], address, opened)
    sums = []
    sent = min(n, 4)
    for i in range(sent):
        paid = bench.measure("pay", 100, at=escrow, sender=seller if i == 0 else buyer)
        sums.append(escrow.decode("pay", paid.output))
    if n > sent:
        bench.compose(n - sent)
    bench.observe("sums", sums)
    bench.observe("parties", [bench.read("buyer", at=escrow), bench.read("seller", at=escrow)])
    bench.observe("refusal", _refusal(bench, escrow, LIMIT + 1 - sums[-1]))


def _refusal(bench: Bench, escrow: Deployed, amount: int) -> str:
    """What an escrow says of a payment that leads above its limit."""
    try:
        return f"none: {bench.read('pay', amount, at=escrow)}"
    except Reverted as error:
        return error.reason


def _price_slots(n: int, first: int = 0) -> list[int]:
    """Slots of the mapping in PriceStore, which stands at slot 0."""
    return [
        int.from_bytes(keccak_256(feed.to_bytes(32, "big") + bytes(32)).digest(), "big")
        for feed in range(first, first + n)
    ]


def _drive_access_list(bench: Bench, n: int) -> None:
    store = bench.deploy(contract="PriceStore")
    book = bench.deploy()
    bench.setup("set", n, SEED, at=store)
    listed = {
        "none": [],
        "address": [(store.address, [])],
        "slots": [(store.address, _price_slots(n))],
        "own-slot": [(book.address, [0])],
        "untouched": [(store.address, _price_slots(n, first=n))],
    }[bench.variant.name]
    measured = bench.measure("run", store.address, n, access_list=listed)
    bench.observe("sum", book.decode("run", measured.output))
    bench.observe("total", bench.read("total"))


# --- the experiments ------------------------------------------------------------------------------

EXPERIMENTS = (
    Experiment(
        id="config",
        title="Where parameters are kept",
        techniques=(Technique.CALLS, Technique.ALIGNMENT),
        question="What does it cost to ask for parameters that never change?",
        source=LAB / "Config.sol",
        variants=(
            Variant("slots", "InSlots", "A slot for each of four parameters."),
            Variant("packed", "InOneSlot", "All four in one slot."),
            Variant("immutable", "InImmutables", "In the code, set by the constructor."),
            Variant("constant", "InConstants", "In the source."),
        ),
        sizes=(1, 8, 64),
        unit="call that needs the parameters",
        drive=_drive_config,
        claim="What never changes should not be read from storage.",
        rule="EIP-2929: the first SLOAD of a slot costs 2,100, later ones in the transaction 100. "
        "Immutables and constants are PUSHed from the code for 3.",
        pays="From the first read on, and no slots are made at deployment.",
        does_not_pay="Where parameters must change: then one packed slot is what remains.",
        readability="None. A constant is the same for all deployments, an immutable for each.",
        layout=("InSlots", "InOneSlot"),
    ),
    Experiment(
        id="clone",
        title="A contract in full or a proxy",
        techniques=(Technique.CALLS,),
        question="After how many transactions has a proxy cost more than a full deployment?",
        source=LAB / "Clone.sol",
        variants=(
            Variant("full", "DeployInFull", "Each escrow is deployed in full."),
            Variant("clone", "CloneAndInitialize", "EIP-1167, with terms set in storage."),
            Variant("arguments", "CloneWithArguments", "A proxy that carries its terms as code."),
        ),
        sizes=(1, 4, 16, 64, 256),
        unit="transaction, after the escrow was opened",
        drive=_drive_clone,
        claim="Contracts of the same code need the code once.",
        rule="Deployed code costs 200 gas a byte; the draft of Amsterdam charges it as state. A "
        "proxy pays 2,600 for its implementation's address in every transaction, and the call.",
        pays="For contracts that are made often and used seldom, the more on the draft of "
        "Amsterdam.",
        does_not_pay="For contracts that are used often: each transaction pays the detour.",
        readability="An initializer with a guard of its own in place of a constructor; arguments "
        "by offset.",
        per_item=False,
        layout=("FullEscrow", "InitializedEscrow", "ArgumentsEscrow"),
    ),
    Experiment(
        id="access-list",
        title="Naming slots in advance",
        techniques=(Technique.CALLS, Technique.L2_FEES),
        question="Does an access list pay, and for what?",
        source=LAB / "AccessList.sol",
        variants=(
            Variant("none", "Book", "No list."),
            Variant("address", "Book", "The other contract's address alone."),
            Variant("slots", "Book", "Its address and every slot that is read."),
            Variant("own-slot", "Book", "The slot of the called contract that is written."),
            Variant("untouched", "Book", "Its address and as many slots that are not read."),
        ),
        sizes=(1, 8, 64),
        unit="slot of another contract",
        drive=_drive_access_list,
        claim="Slots named in advance are read for less.",
        rule="EIP-2930: 2,400 for an address and 1,900 for a slot in place of 2,600 and 2,100, and "
        "100 for each touch. EIP-7981, in the draft of Amsterdam, charges the bytes, too.",
        pays="For many slots of one other contract, by little. Where a client knows them surely.",
        does_not_pay="For what is not touched after all, for the called contract's own slots, "
        "whose address is warm anyway, and on the draft of Amsterdam at all.",
        readability="None on chain; the client must know what will be touched.",
    ),
)
