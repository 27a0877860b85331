"""How a challenger spends its ether, and on whom."""

from typing import Final

import msgspec

QUESTIONS: Final = 4
OPEN_QUESTIONS: Final = 64


class Policy(msgspec.Struct, frozen=True):
    """How a challenger spends its ether, and on whom.

    Attributes
    ----------
    convict : bool
        Prove lies, ask, and execute what was not answered.
    answer : bool
        Answer questions that the published order files answer.
    questions : int
        Of ours about one batch, at most. One that stays unanswered reverts the batch; each that is
        answered costs its bond. So this bounds what an operator can take from a challenger by
        withholding a file and answering on chain: so many bonds per batch. If he forged the share
        p of what he withholds, a batch escapes with probability (1 - p)^questions. Others'
        questions are not counted: the operator might ask them himself.
    open_questions : int
        Bonds of ours that lie in questions, at most.
    file_patience : int or None
        Seconds after the commit from which on an order file is missing; by default a quarter of W,
        for it must have been published before the commit, and asking takes place within W.
    accounts : tuple of int
        Whose sides of a batch are all asked about where its order file is missing, beyond
        `questions`: a trader's own, who knows best what she signed.
    """

    convict: bool = True
    answer: bool = False
    questions: int = QUESTIONS
    open_questions: int = OPEN_QUESTIONS
    file_patience: int | None = None
    accounts: tuple[int, ...] = ()
