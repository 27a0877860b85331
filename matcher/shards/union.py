"""What several shards say, as one engine would say it: the state text, and the events of a batch's
beginning (docs/reference/matching.md).
"""

from collections.abc import Mapping, Sequence

import msgspec

from matcher import events as e
from matcher import words
from matcher.events import Event

Row = list[str]


def union_text(
    texts: Sequence[str], ops: int, next_seq: int, seqs: Mapping[tuple[int, int], int]
) -> str:
    """The text of the whole.

    Parameters
    ----------
    texts : sequence of str
        State text of each shard; all tell the same facts.
    ops, next_seq : int
        Of the whole: ops in the open batch, the next order's number.
    seqs : mapping
        (account, id) of each open order to its number in the whole.
    """
    shards = [_by_word(text) for text in texts]
    first = shards[0]
    time = first["time"][0]
    out = [[*time[:4], str(ops), str(next_seq)]]
    for word in ("halted", "market", "expiry", "price", "instrument"):
        out += first.get(word, [])
    parts = [_by_account(shard) for shard in shards]
    for rows in zip(*(shard["account"] for shard in shards), strict=True):
        out.append(_account(rows))
        account = rows[0][1]
        out += [row for row in first.get("key", []) if row[1] == account]
        for word in ("position", "slot", "seen"):
            found = [row for part in parts for row in part.get((word, account), [])]
            out += sorted(found, key=lambda row: int(row[2]))
    orders = [row for shard in shards for row in shard.get("order", [])]
    for row in orders:
        row[4] = str(seqs[int(row[5]), int(row[6])])
    out += sorted(orders, key=lambda row: int(row[1]))  # stable: a book lies in one shard
    return "".join(" ".join(row) + "\n" for row in out)


def _by_word(text: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for line in text.splitlines():
        row = line.split(" ")
        found.setdefault(row[0], []).append(row)
    return found


def _by_account(shard: Mapping[str, list[Row]]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for word in ("position", "slot", "seen"):
        for row in shard.get(word, []):
            found.setdefault((word, row[1]), []).append(row)
    return found


def _account(parts: Sequence[Row]) -> Row:
    """One account's line: what each shard holds of its money, summed.

    Deposits and credits are told to the home shard alone, asks to all.
    """
    whole = list(parts[0])
    for place, combine in ((4, max), (5, max), (6, sum), (7, sum), (8, sum), (9, max)):
        whole[place] = str(combine(int(part[place]) for part in parts))
    return whole


# --- events ---


def served(done: list[Event]) -> list[Event]:
    """Credits and releases by account, the credit first; all shards' parts of a release as one."""
    credits_ = {event.account: event for event in done if isinstance(event, e.Credited)}
    released: dict[int, e.Released] = {}
    for event in done:
        if isinstance(event, e.Released):
            before = released.get(event.account)
            amount = event.amount + (before.amount if before else 0)
            released[event.account] = msgspec.structs.replace(event, amount=amount)
    return [
        told[account]
        for account in sorted(credits_.keys() | released.keys())
        for told in (credits_, released)
        if account in told
    ]


def with_ops(events: list[Event]) -> list[Event]:
    """Each event followed by its op."""
    return [each for event in events for each in (event, e.Op(words.pack(op_of(event))))]


def op_of(event: Event) -> words.Op:
    """The op that a settlement, credit or release is."""
    match event:
        case e.SettledPosition(account=account, market=market, expiry=expiry):
            return words.Settle(account, market, expiry)
        case e.Credited(account=account, amount=amount):
            return words.Credit(account, amount)
        case e.Released(account=account, amount=amount, served=asks):
            return words.Release(account, amount, asks)
        case _:
            raise TypeError(f"no op of a batch's beginning: {event!r}")
