"""What the numbers in lines stand for: symbols, prices, and who signs for which account.

A signer is known by a *number*: an address that is the owner or a key of an account has one there,
and 0 is anybody else. Numbers ascend as the facts come; the line of the fact carries its number, so
that whoever reads the same lines knows the same names.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from matcher import commands as c
from matcher.errors import ChainError
from matcher.listings import Listings
from matcher.types import FEE_ACCOUNT, U32

NOBODY: Final = 0  # number of a signer that is neither the owner nor a key of the account
RESERVED_ACCOUNT: Final = 1  # never opened
ZERO_ADDRESS: Final = bytes(20)


class Signer(NamedTuple):
    """The owner of an account, a key of it, or both."""

    account: int
    address: bytes


class Names:
    """Learned from facts, in their order; nothing else changes it.

    Parameters
    ----------
    lag : int
        Of the deployment, seconds.

    Attributes
    ----------
    listings : Listings
    owners : dict
        Account to its owner's address; the zero address while nobody is.
    signers : list
        By number; the first is nobody.
    """

    def __init__(self, lag: int):
        self.listings = Listings(lag)
        self.owners: dict[int, bytes] = {FEE_ACCOUNT: ZERO_ADDRESS}
        self.signers: list[Signer | None] = [None]
        self._numbers: dict[Signer, int] = {}
        self._of: dict[int, list[int]] = {}
        self._takes: dict[type[c.Command], Callable[[Any, int], None]] = {
            c.MarketListed: lambda fact, _: self.listings.list_market(fact),
            c.FeesSet: lambda fact, _: _done(self.listings.set_fees(fact)),
            c.ExpiryOpened: lambda fact, _: self.listings.open_expiry(fact),
            c.InstrumentListed: lambda fact, _: _done(self.listings.list_instrument(fact)),
            c.PriceFixed: lambda fact, _: self.listings.fix_price(fact),
            c.AccountOpened: self._open_account,
            c.KeySet: self._set_key,
            c.Deposited: self._require_known,
            c.Asked: self._require_known,
            c.OrdersUntilSet: self._require_known,
        }

    def learn(self, command: c.Command, number: int = NOBODY) -> None:
        """Take in a command; all but facts say nothing new.

        Parameters
        ----------
        command : Command
        number : int
            Of the owner or key that the fact names.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell; nothing has changed.
        """
        take = self._takes.get(type(command))
        if take is not None:
            take(command, number)

    def number_for(self, fact: c.Command) -> int:
        """The number of the owner or key that a fact names: the one it has, or the next."""
        match fact:
            case c.AccountOpened(account, owner):
                known = self.owners.get(account, ZERO_ADDRESS)
                if any(known):
                    return self._numbers[Signer(account, known)]  # the first telling counts
                return self._number(account, owner) if any(owner) else NOBODY
            case c.KeySet(account, key):
                return self._number(account, key) if account in self.owners else NOBODY
            case _:
                return NOBODY

    def _number(self, account: int, address: bytes) -> int:
        return self._numbers.get(Signer(account, address), len(self.signers))

    def number_of(self, account: int, address: bytes) -> int:
        """As who an address signs for an account."""
        return self._numbers.get(Signer(account, address), NOBODY)

    def address_of(self, number: int) -> bytes:
        """The address of a signer; the zero address for nobody."""
        signer = self.signers[number] if number < len(self.signers) else None
        return ZERO_ADDRESS if signer is None else signer.address

    def facts(self) -> Iterator[c.Command]:
        """Facts that tell new names all of this, each under its number again."""
        listings = self.listings
        for market in listings.markets.values():
            yield c.MarketListed(market.index, market.name, market.tick_value, market.strike_value)
        for index, fees in listings.fees.items():
            yield c.FeesSet(index, *msgspec.structs.astuple(fees))
        for (index, expiry), cap in listings.caps.items():
            yield c.ExpiryOpened(index, expiry, cap)
        for line in listings.lines.values():
            info = line.info
            yield c.InstrumentListed(info.index, info.market, info.kind, info.expiry, info.strike)
        for (index, expiry), fixed in listings.prices.items():
            yield c.PriceFixed(index, expiry, fixed.price, fixed.fixed_at)
        for account, owner in self.owners.items():
            yield c.AccountOpened(account, owner)
        for account, address in filter(None, self.signers):
            if self.owners[account] != address:
                yield c.KeySet(account, address, 0, 0)

    def numbers_of(self, account: int) -> list[int]:
        """Numbers of an account's owner and keys, as they came."""
        return self._of.get(account, [])

    def _require_known(self, fact: Any, _: int = NOBODY) -> None:
        if fact.account not in self.owners:
            raise ChainError(f"{fact}: account {fact.account} was not opened")

    def _open_account(self, fact: c.AccountOpened, number: int) -> None:
        if fact.account == RESERVED_ACCOUNT:
            raise ChainError(f"{fact}: account 1 is never opened")
        if any(self.owners.get(fact.account, ZERO_ADDRESS)):
            return
        self.owners[fact.account] = fact.owner
        if number != NOBODY:
            self._enter(number, Signer(fact.account, fact.owner))

    def _set_key(self, fact: c.KeySet, number: int) -> None:
        self._require_known(fact)
        self._enter(number, Signer(fact.account, fact.key))

    def _enter(self, number: int, signer: Signer) -> None:
        if self._numbers.setdefault(signer, number) != number or not 0 < number <= U32:
            raise ChainError(f"{signer}: number {number}, known as {self._numbers[signer]}")
        while len(self.signers) <= number:
            self.signers.append(None)
        if self.signers[number] is None:
            self._of.setdefault(signer.account, []).append(number)
        self.signers[number] = signer


def _done(_: object) -> None:
    """An answer that nobody needs."""
