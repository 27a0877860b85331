"""An exchange on the tests' chain, and batches for it built by the reference model.

`Exchange` keeps the reference state and the chain's facts beside the chain: what it sends, it also
tells the model. A batch it commits is honest unless made by `commit_root`, which states any root.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.chain.deployment import Deployment, deploy
from matcher.reference.context import Context
from matcher.reference.header import BLOB, Header, genesis, parent_of
from matcher.reference.leaf import Account, leaf_hash, leaf_words
from matcher.reference.messages import digest, domain_separator
from matcher.reference.openings import BlobBody
from matcher.reference.state import State
from matcher.reference.tree import ZERO, Path, root_from, words_root
from matcher.reference.words import Credit, Op, pack_chunk
from matcher.types import ACCOUNT_TREE_DEPTH, Fees, Instrument, Market, Report, Windows
from tests.support.chain import ETHER, GENESIS_TIME, Chain, Receipt, account
from tests.support.decree import decree, ruling

WINDOWS = Windows(challenge=600, answer=100, freeze=900, notice=60, lag=120)
BOND = 10 * ETHER
TOKENS = 10**6  # atoms of one token
WEALTH = 10**6 * TOKENS  # what every trader holds at first, atoms
INFINITE = 2**256 - 1

MARKET = 1
EXPIRY = GENESIS_TIME // 3600 + 30 * 24  # 08:00 UTC, thirty days on
CAP = 200 * TOKENS  # atoms per lot
REPORTERS = 1  # index of the reporter set


@dataclass(frozen=True)
class Roles:
    """Who acts in the tests."""

    owner: LocalAccount = field(default_factory=lambda: account("owner"))
    fees: LocalAccount = field(default_factory=lambda: account("fees"))
    operator: LocalAccount = field(default_factory=lambda: account("operator"))
    maker: LocalAccount = field(default_factory=lambda: account("maker"))
    taker: LocalAccount = field(default_factory=lambda: account("taker"))
    prover: LocalAccount = field(default_factory=lambda: account("prover"))
    challenger: LocalAccount = field(default_factory=lambda: account("challenger"))
    outsider: LocalAccount = field(default_factory=lambda: account("outsider"))
    reporters: tuple[LocalAccount, ...] = field(
        default_factory=lambda: tuple(account(f"reporter {i}") for i in range(3))
    )

    def everybody(self) -> list[LocalAccount]:
        named = [value for value in vars(self).values() if isinstance(value, LocalAccount)]
        return [*named, *self.reporters]


@dataclass(frozen=True)
class Batch:
    """A committed batch and the state after it."""

    header: Header
    state: State
    committed_at: int
    words: tuple[int, ...] = ()

    def encoded(self) -> tuple[Any, ...]:
        """The header as contracts take it."""
        return header_tuple(self.header)

    def proof(self, index: int) -> tuple[Any, list[bytes], tuple[int, list[bytes]]]:
        """Header, leaf and path of an account, as contracts take them."""
        words, path = leaf_and_path(self.state, index)
        return self.encoded(), words, path


def header_tuple(header: Header) -> tuple[Any, ...]:
    """A header as contracts take it."""
    return (
        header.info().to_bytes(32, "big"),
        header.parent,
        header.chunks_root,
        header.state_root,
        header.blobs_hash,
        header.extra,
    )


NO_HEADER = (bytes(32),) * 6


def stated_root(words: Sequence[int]) -> bytes:
    """The state root in the last two words."""
    return b"".join((word >> 112 & (1 << 128) - 1).to_bytes(16, "big") for word in words[-2:])


def words_bytes(words: Sequence[int]) -> list[bytes]:
    return [word.to_bytes(32, "big") for word in words]


def path_tuple(path: Path) -> tuple[int, list[bytes]]:
    return path.present, list(path.siblings)


def leaf_and_path(state: State, index: int) -> tuple[list[bytes], tuple[int, list[bytes]]]:
    """Leaf and path of an account, as contracts take them; they lead to the state's root."""
    words = leaf_words(state.account(index))
    path = state.tree.path(index)
    assert root_from(leaf_hash(words), index, path, ACCOUNT_TREE_DEPTH) == state.root()
    return words_bytes(words), path_tuple(path)


def copy_state(state: State) -> State:
    """A state of its own: accounts are replaced, never changed, so they may be shared."""
    twin = State()
    twin.accounts = dict(state.accounts)
    twin.tree = state.tree.copy()
    return twin


class Exchange:
    """A deployed exchange, with what the reference model knows of it.

    Parameters
    ----------
    chain : Chain
    deployment : Deployment
    roles : Roles
    """

    def __init__(self, chain: Chain, deployment: Deployment, roles: Roles):
        self.chain = chain
        self.deployment = deployment
        self.roles = roles
        self.token = deployment.token
        self.registry = deployment.registry
        self.markets = deployment.markets
        self.prices = deployment.prices
        self.vault = deployment.vault
        self.windows = deployment.windows
        self.state = State()
        self.context = Context(built_at=0, lag=self.windows.lag)
        first = genesis(deployment.genesis_built_at)
        committed_at = deployment.genesis_built_at - self.windows.final_after
        self.batches = [Batch(first, State(), committed_at)]

    def clone(self) -> Exchange:
        """The same exchange with facts of its own, for one test."""
        twin = copy.copy(self)
        twin.state = copy_state(self.state)
        twin.context = copy.deepcopy(self.context)
        twin.batches = list(self.batches)
        return twin

    @property
    def head(self) -> Batch:
        return self.batches[-1]

    def domain(self) -> bytes:
        return domain_separator(self.deployment.chain_id, bytes.fromhex(self.registry.address[2:]))

    # --- listing ----------------------------------------------------------------------------------

    def list_market(
        self,
        name: str = "BTC",
        tick_value: int = 100,
        strike_value: int = TOKENS,
        taker: int = 3,
        maker: int = -1,
    ) -> int:
        call = self.markets.functions.listMarket(name, tick_value, strike_value, taker, maker)
        index = self.chain.send(self.roles.owner, call).event("MarketListed")["market"]
        self.context.markets[index] = Market(index, name, tick_value, strike_value)
        self.context.fees[index] = Fees(taker, maker, taker, maker, 0)
        return index

    def add_reporters(self, reporters: Sequence[LocalAccount] | None = None) -> int:
        addresses = [r.address for r in (reporters or self.roles.reporters)]
        call = self.markets.functions.addReporterSet(addresses)
        return self.chain.send(self.roles.owner, call).event("ReporterSetAdded")["set"]

    def open_expiry(
        self,
        market: int = MARKET,
        expiry: int = EXPIRY,
        cap: int = CAP,
        reporters: int = REPORTERS,
    ) -> int:
        call = self.markets.functions.openExpiry(market, expiry, cap, reporters)
        self.chain.send(self.roles.owner, call)
        self.context.caps[market, expiry] = cap
        return expiry

    def list_instruments(self, *items: tuple[int, int, int, int]) -> list[int]:
        """List (market, kind, expiry, strike) each; returns their indices."""
        call = self.markets.functions.listInstruments(list(items))
        receipt = self.chain.send(self.roles.owner, call)
        indices = []
        for event in receipt.events:
            item = event.args
            index = item["instrument"]
            self.context.instruments[index] = Instrument(
                index, item["market"], item["kind"], item["expiry"], item["strike"]
            )
            indices.append(index)
        return indices

    # --- traders ----------------------------------------------------------------------------------

    def fund(self, trader: LocalAccount, atoms: int = WEALTH, allowance: int = INFINITE) -> None:
        """Give a trader collateral and let the Vault take it."""
        self.chain.send(trader, self.token.functions.mint(trader.address, atoms))
        self.chain.send(trader, self.token.functions.approve(self.vault.address, allowance))

    def open(
        self, trader: LocalAccount, atoms: int = 1000 * TOKENS, owner: str | None = None
    ) -> int:
        """Open an account; its index."""
        call = self.vault.functions.open(owner or trader.address, atoms)
        index = self.chain.send(trader, call).event("Opened")["account"]
        self.context.opened.add(index)
        self.context.deposited[index] = atoms
        return index

    def deposit(self, trader: LocalAccount, index: int, atoms: int) -> Receipt:
        receipt = self.chain.send(trader, self.vault.functions.deposit(index, atoms))
        self.context.deposited[index] = receipt.event("Deposited")["deposited"]
        return receipt

    def ask(self, trader: LocalAccount, index: int) -> Receipt:
        receipt = self.chain.send(trader, self.vault.functions.ask(index))
        self.context.asks[index] = receipt.event("Asked")["asks"]
        return receipt

    # --- batches ----------------------------------------------------------------------------------

    def commit(
        self, *chunks: Sequence[Op], built_at: int | None = None, extra: bytes = ZERO
    ) -> Batch:
        """Apply chunks of ops to the reference state and commit them as one honest batch.

        Raises
        ------
        InvalidOp, MarginBroken
            Of the reference model; nothing was committed, and the state is as before.
        """
        built = self.chain.now - 1 if built_at is None else built_at
        self.context.built_at = built
        after = copy_state(self.state)
        words: list[int] = []
        for ops in chunks:
            before = copy_state(after)
            words += pack_chunk(ops, after.apply_ops(ops, self.context))
            before.apply_chunk(words[-32:], self.context)  # margin too
        batch = self._commit(words, after, built, extra)
        self.state = after
        return batch

    def credit(self, *indices: int) -> Batch:
        """Commit what is deposited and not credited of these accounts."""
        ops = [
            Credit(i, self.context.deposited[i] - self.state.account(i).credited) for i in indices
        ]
        return self.commit(ops)

    def commit_root(self, state: State) -> Batch:
        """Commit an empty chunk that states the root of any state, true or not."""
        return self._commit(pack_chunk([], state.root()), state, self.chain.now - 1, ZERO)

    @property
    def parent(self) -> bytes:
        """The parent of the next batch, as the chain has it."""
        functions = self.registry.functions
        head = self.chain.call(functions.head())[0]
        return bytes(self.chain.call(functions.ringWord(head))[:27]) + bytes(5)

    def _commit(self, words: list[int], state: State, built_at: int, extra: bytes) -> Batch:
        anchor = self.chain.height
        call = self.registry.functions.commit(
            built_at, self.parent, anchor, self.chain.block_hash(anchor), extra, words
        )
        parent = self.head.header
        receipt = self.chain.send(self.roles.operator, call)
        header = Header(
            operator=receipt_operator(receipt),
            id=parent.id + 1,
            built_at=built_at,
            chunk_count=len(words) // 32,
            parent=parent_of(parent.batch_hash()),
            chunks_root=words_root(words),
            state_root=stated_root(words),
            extra=extra,
        )
        assert receipt.event("BatchCommitted")["batchHash"] == header.batch_hash()
        batch = Batch(header, copy_state(state), receipt.time, tuple(words))
        self.batches.append(batch)
        return batch

    def _commit_blobs(
        self, body: BlobBody, state: State, built_at: int, extra: bytes, chunks: int | None = None
    ) -> Batch:
        """Without a number of chunks, all that the body has."""
        count = len(body.words) // 32 if chunks is None else chunks
        anchor, parent = self.chain.height, self.head.header
        call = self.registry.functions.commitBlobs(
            built_at,
            self.parent,
            anchor,
            self.chain.block_hash(anchor),
            extra,
            count,
            body.root(count - 1),
        )
        receipt = self.chain.send(self.roles.operator, call, blobs=body.versioned_hashes)
        header = Header(
            operator=receipt_operator(receipt),
            mode=BLOB,
            id=parent.id + 1,
            built_at=built_at,
            chunk_count=count,
            parent=parent_of(parent.batch_hash()),
            state_root=stated_root(body.words[: 32 * count]),
            blobs_hash=body.blobs_hash,
            extra=extra,
        )
        assert receipt.event("BatchCommitted")["batchHash"] == header.batch_hash()
        batch = Batch(header, copy_state(state), receipt.time, tuple(body.words))
        self.batches.append(batch)
        return batch

    def revert_to(self, previous: Batch) -> Receipt:
        """Revert all batches after `previous`, by decree."""
        position = self.batches.index(previous)
        lie = self.batches[position + 1]
        prover = self.deployment.addresses["transition_prover"]
        witness = decree(challenger=self.roles.challenger.address)
        call = self.registry.functions.convict(prover, lie.encoded(), previous.encoded(), witness)
        with ruling(self.chain, prover):
            receipt = self.chain.send(self.roles.prover, call)
        del self.batches[position + 1 :]
        self.state = copy_state(previous.state)
        return receipt

    def finalize(self, batch: Batch | None = None) -> Batch:
        """Let time pass until a batch (the head) is final in the next block."""
        batch = batch or self.head
        self.chain.at(max(self.chain.now, batch.committed_at + self.windows.final_after))
        return batch

    # --- settlement -------------------------------------------------------------------------------

    def reports(
        self, prices: Sequence[int], market: int = MARKET, expiry: int = EXPIRY
    ) -> list[tuple[int, int, bytes]]:
        """Signed reports of reporters 0, 1, .. in this order."""
        return [
            (i, price, self.sign(self.roles.reporters[i], Report(market, expiry, price)))
            for i, price in enumerate(prices)
        ]

    def sign(self, signer: LocalAccount, message: Any) -> bytes:
        """65 bytes over the message's EIP-712 digest."""
        return bytes(signer.unsafe_sign_hash(digest(message, self.domain())).signature)

    def settle(self, price: int, market: int = MARKET, expiry: int = EXPIRY) -> Receipt:
        """Fix a price after the expiry, all reporters agreeing."""
        self.chain.at(max(self.chain.now, expiry * 3600))
        call = self.prices.functions.settle(
            market, expiry, self.reports([price] * 3, market, expiry)
        )
        receipt = self.chain.send(self.roles.owner, call)
        fixed = receipt.event("PriceFixed")
        self.context.prices[market, expiry] = (fixed["price"], fixed["fixedAt"])
        return receipt

    # --- money ------------------------------------------------------------------------------------

    def claim(
        self, sender: LocalAccount, index: int, batch: Batch, recipient: str | None = None
    ) -> Receipt:
        header, leaf, path = batch.proof(index)
        call = (
            self.vault.functions.claim(index, header, leaf, path)
            if recipient is None
            else self.vault.functions.claimTo(index, header, leaf, path, recipient)
        )
        return self.chain.send(sender, call)

    def claimable(self, index: int, batch: Batch) -> int:
        header, leaf, path = batch.proof(index)
        return int(self.chain.call(self.vault.functions.claimable(index, header, leaf, path)))

    def freeze(
        self, sender: LocalAccount, index: int, batch: Batch, successor: Batch | None = None
    ) -> Receipt:
        header, leaf, path = batch.proof(index)
        after = successor.encoded() if successor else NO_HEADER
        call = self.vault.functions.freeze(index, header, leaf, path, after)
        return self.chain.send(sender, call)

    def balance(self, address: str) -> int:
        return int(self.chain.call(self.token.functions.balanceOf(address)))

    def total(self) -> int:
        return int(self.chain.call(self.vault.functions.totalAtoms()))


def receipt_operator(receipt: Receipt) -> int:
    """Operator's index, as the emitted header names it."""
    info = int.from_bytes(receipt.event("BatchCommitted")["header"][0], "big")
    return info >> 232 & 0xFFFF


def account_with(
    cash: int = 0, exited: int = 0, credited: int = 0, served: int = 0, **positions: int
) -> Account:
    """A leaf's content out of nothing, for `commit_root`; positions as ``i<instrument>=lots``."""
    held = {int(name.removeprefix("i")): lots for name, lots in positions.items()}
    return Account(cash, exited, credited, served, held)


def state_of(accounts: dict[int, Account]) -> State:
    """A state of exactly these accounts."""
    state = State()
    state.accounts = dict(accounts)
    state.rehash(accounts)
    return state


def bare_exchange(chain: Chain, roles: Roles, token: str | None = None) -> Exchange:
    """A new deployment with an operator under bond; nothing listed, nobody rich."""
    deployment = deploy(
        chain.w3,
        roles.owner,
        windows=WINDOWS,
        token=token,
        fee_owner=roles.fees.address,
        min_bond=ETHER,
        reward_cap=ETHER,
    )
    chain.at_next()
    registry = deployment.registry.functions
    call = registry.addOperator(roles.operator.address)
    index = chain.send(roles.owner, call).event("OperatorAdded")["index"]
    chain.send(roles.operator, registry.addBond(index), value=BOND)
    chain.send(roles.owner, registry.setOperator(index))
    return Exchange(chain, deployment, roles)


def listed_exchange(chain: Chain, roles: Roles) -> Exchange:
    """`bare_exchange` with a market, reporters, an expiry, four options, and traders with money."""
    exchange = bare_exchange(chain, roles)
    assert exchange.list_market() == MARKET
    assert exchange.add_reporters() == REPORTERS
    exchange.open_expiry()
    strikes = ((0, 100), (1, 100), (0, 120), (1, 80))
    indices = exchange.list_instruments(
        *((MARKET, kind, EXPIRY, strike) for kind, strike in strikes)
    )
    assert indices == [1, 2, 3, 4]
    for trader in (roles.maker, roles.taker, roles.outsider):
        exchange.fund(trader)
    return exchange
