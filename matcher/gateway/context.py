"""What the handlers of requests share."""

from matcher.eip712 import Domain
from matcher.feed import Feed
from matcher.gateway.answers import Answers
from matcher.gateway.chain_view import ChainView
from matcher.sequencer import Door
from matcher.types import Windows


class Context:
    """The exchange as the gateway sees it.

    Attributes
    ----------
    genesis : bytes
        Header of batch 0, 192 bytes.
    answers : Answers
        Puts what is found into words.
    """

    def __init__(
        self,
        sequencer: Door,
        feed: Feed,
        domain: Domain,
        windows: Windows,
        chain: ChainView,
        genesis: bytes,
    ):
        self.sequencer = sequencer
        self.engine = sequencer.engine
        self.archive = sequencer.archive
        self.feed = feed
        self.domain = domain
        self.windows = windows
        self.chain = chain
        self.genesis = genesis
        self.answers = Answers(sequencer.engine, feed, chain)
