"""What happened, as the chain's own logs tell it: when, in which block, who, what, gas, money."""

from collections.abc import Callable
from typing import Any, Final

from rich.markup import escape
from web3 import Web3
from web3.logs import DISCARD
from web3.types import TxReceipt

from demo.charts import dollars
from demo.remote import ETHER
from demo.show import Show
from matcher.batch import BLOB
from matcher.chain.deployment import Deployment

ROLES: Final = ("registry", "vault", "prices", "unauthorized_prover")
# enum Fault of contracts/types/Verdict.sol
FAULTS: Final = (
    "None",
    "MalformedChunk",
    "AccountUnopened",
    "AccountReserved",
    "SameAccount",
    "ZeroLots",
    "InstrumentUnlisted",
    "TooLate",
    "OrderIdTooLarge",
    "StaleOrder",
    "SlotUsed",
    "Overfilled",
    "NotionalTooLarge",
    "PositionTooLarge",
    "TooManyPositions",
    "OverCredited",
    "NothingToServe",
    "PriceNotFixed",
    "FieldOverflow",
    "WrongRoot",
    "MarginBroken",
    "ReleaseKept",
    "Unanswered",
)
FIRST: Final = ("BatchConvicted", "BatchReverted")  # causes are told before what follows from them
WIDTH_WHO: Final = 12
WIDTH_WHAT: Final = 66

Told = tuple[str, str]  # what, and the money that moved


class Timeline:
    """Tells the exchange's events as they come, one line each.

    Attributes
    ----------
    events : list of (str, dict)
        Name and arguments of all that were told, in the order of the chain.
    gas : dict of str to list of int
        Gas of the transaction of each event, by the event's name.
    """

    def __init__(self, w3: Web3, deployment: Deployment, show: Show):
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.gas: dict[str, list[int]] = {}
        self._w3 = w3
        self._deployment = deployment
        self._show = show
        self._people: dict[str, str] = {}
        self._accounts: dict[int, str] = {0: "the fees"}
        self._told = deployment.genesis_block
        self._start = deployment.genesis_built_at
        self._provers = {
            deployment.addresses["transition_prover"]: "TRANSITION",
            deployment.addresses["margin_prover"]: "MARGIN",
            deployment.addresses["unauthorized_prover"]: "UNAUTHORIZED",
        }

    def name(self, address: str, name: str) -> None:
        """Call an address by a name from now on."""
        self._people[address.lower()] = name

    def name_account(self, account: int, name: str) -> None:
        self._accounts[account] = name

    def head_line(self) -> None:
        """The titles of the columns."""
        self._line("time", "block", "who", "what", "gas", "money", style="bold")

    def note(self, who: str, what: str) -> None:
        """Something that leaves no trace on the chain."""
        time = int(self._w3.eth.get_block("latest")["timestamp"])
        self._line(self._clock(time), "", who, what, "", "", style="dim")

    def chapter(self, title: str) -> None:
        """What the next lines are about."""
        self._show.console.print(f"\n[bold]{escape(title)}[/]")

    def catch_up(self) -> None:
        """Tell everything that the chain has and that was not told."""
        newest = self._w3.eth.block_number
        for number in range(self._told + 1, newest + 1):
            block: Any = self._w3.eth.get_block(number)
            for transaction in block["transactions"]:
                receipt = self._w3.eth.get_transaction_receipt(transaction)
                self._tell(receipt, int(block["timestamp"]))
        self._told = newest

    def _tell(self, receipt: TxReceipt, time: int) -> None:
        gas = f"{receipt['gasUsed']:,}"
        who = self._people.get(receipt["from"].lower(), receipt["from"][:10])
        for name, args in self._decoded(receipt):
            self.events.append((name, args))
            self.gas.setdefault(name, []).append(receipt["gasUsed"])
            what, money = _TELLERS[name](self, args)
            style = {"BatchConvicted": "red", "Claimed": "green"}.get(name, "")
            where = str(receipt["blockNumber"])
            self._line(self._clock(time), where, who, what, gas, money, style)
            gas = ""  # once for each transaction

    def _decoded(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for role in ROLES:
            contract = self._deployment.contract(role)
            told = {item["name"] for item in contract.abi if item["type"] == "event"}
            for name in told & set(_TELLERS):
                found += [
                    (entry["logIndex"], name, dict(entry["args"]))
                    for entry in contract.events[name]().process_receipt(receipt, DISCARD)
                    if entry["address"] == contract.address
                ]
        found.sort(key=lambda one: (one[1] not in FIRST, one[0]))
        return [(name, args) for _, name, args in found]

    def _clock(self, time: int) -> str:
        """Since the exchange was deployed: ``0 d 02:31:07``."""
        days, seconds = divmod(time - self._start, 86_400)
        hours, minutes = divmod(seconds // 60, 60)
        return f"{days} d {hours:02d}:{minutes:02d}:{seconds % 60:02d}"

    def _line(
        self, time: str, block: str, who: str, what: str, gas: str, money: str, style: str = ""
    ) -> None:
        text = f"{time:>12} {block:>5}  {who:{WIDTH_WHO}} {what:{WIDTH_WHAT}} {gas:>9}  {money}"
        self._show.console.print(escape(text.rstrip()), style=style, soft_wrap=True)

    # --- how each event reads -----------------------------------------------------------------

    def person(self, address: str) -> str:
        return self._people.get(address.lower(), address[:10])

    def account(self, index: int) -> str:
        return f"{self._accounts.get(index, 'account')} ({index})"

    def prover(self, address: str) -> str:
        return self._provers[Web3.to_checksum_address(address)]


def _committed(_line: Timeline, args: dict[str, Any]) -> Told:
    info = int.from_bytes(args["header"]["info"], "big")
    chunks, mode = info >> 128 & 0xFFFF, info >> 224 & 0xFF
    size = f"{chunks} chunk{'s' * (chunks != 1)}"
    return f"commits batch {args['id']}, {size}{' in blobs' * (mode == BLOB)}", ""


def _reverted(line: Timeline, args: dict[str, Any]) -> Told:
    what = f"batch {args['id']} is void; the reward is {line.person(args['challenger'])}'s"
    return what, f"{ether(args['reward'])} ETH paid, {ether(args['burned'])} burned"


def _convicted(line: Timeline, args: dict[str, Any]) -> Told:
    fault = FAULTS[args["fault"]]
    where = f"chunk {args['chunk']}, word {args['place']}"
    return f"proves batch {args['id']} a lie: {line.prover(args['prover'])}, {fault}, {where}", ""


def _changed(_line: Timeline, args: dict[str, Any]) -> Told:
    current = args["current"]
    return (f"operator {current} is in charge" if current else "nobody is in charge"), ""


def _asked(_line: Timeline, args: dict[str, Any]) -> Told:
    side = f"side {args['side']} of word {args['place']}"
    return f"asks who signed {side}, chunk {args['chunk']}, batch {args['id']}", ""


_TELLERS: Final[dict[str, Callable[[Timeline, dict[str, Any]], Told]]] = {
    "OperatorAdded": lambda _, a: (f"adds operator {a['index']}", ""),
    "BondAdded": lambda _, a: (f"puts up the bond of operator {a['index']}", _ether(a["amount"])),
    "OperatorChanged": _changed,
    "OperatorRetired": lambda _, a: (f"operator {a['index']} is retired, its bond taken", ""),
    "BatchCommitted": _committed,
    "BatchConvicted": _convicted,
    "BatchReverted": _reverted,
    "Deposited": lambda t, a: (f"deposits into account {t.account(a['account'])}", _in(a)),
    "Claimed": lambda t, a: (f"account {t.account(a['account'])} is paid", _out(a)),
    "QuestionAsked": _asked,
    "QuestionAnswered": lambda t, a: (f"answers: {t.person(a['signer'])} signed", ""),
    "QuestionReclaimed": lambda *_: ("takes the bond of the question back", ""),
    "PriceFixed": lambda _, a: (f"market {a['market']} settles at {dollars(a['price'])}", ""),
}


def ether(wei: int) -> str:
    """``2.5``: exact, without zeros at the end."""
    whole, rest = divmod(wei, ETHER)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".")


def _ether(wei: int) -> str:
    return f"{ether(wei)} ETH"


def _in(args: dict[str, Any]) -> str:
    return f"+ {dollars(args['amount'])}"


def _out(args: dict[str, Any]) -> str:
    return f"− {dollars(args['amount'])}"
