"""What a prover takes to judge a batch (docs/reference/witnesses.md).

``contracts/provers`` read exactly these bytes. A witness shows parts of the state before and after;
all of them are hashed up to roots that the batch states, so none has to be believed.
"""

from matcher.reference.leaf import Account, OrderSlots, leaf_words, slot_of
from matcher.reference.tree import Path, Tree


def account(tree: Tree, index: int, shown: Account) -> bytes:
    """An account as it stands in the account tree: present:3, leaf words, siblings.

    Parameters
    ----------
    tree : Tree
        In which `shown` stands at `index`, or nothing if nothing ever happened to it.
    """
    words = b"".join(word.to_bytes(32, "big") for word in leaf_words(shown))
    return _around(tree.path(index), 3, words)


def slots(of: OrderSlots, order: int) -> bytes:
    """The word in which an order has its slot, of an account's: present:2, word, siblings."""
    number = slot_of(order) // 4
    return _around(of.tree.path(number), 2, of.word(number).to_bytes(32, "big"))


def _around(path: Path, present_bytes: int, shown: bytes) -> bytes:
    return path.present.to_bytes(present_bytes, "big") + shown + b"".join(path.siblings)
