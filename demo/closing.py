"""After the flow: expiry, settlement, withdrawals signed and forced, finality, claims."""

from typing import Any, Final

import msgspec
from web3.logs import DISCARD

from demo.desk import sign
from demo.pipeline import BATCH_AGE, Pipeline
from demo.results import Settlement
from demo.stage import Trader, World
from matcher import wire
from matcher.errors import InvariantBroken
from matcher.proofs import verify_account_proof
from matcher.types import FEE_ACCOUNT, ORDER_ID_END, Report, Withdrawal

LIFE: Final = 3600  # seconds, of a withdrawal
STAY: Final = 6  # every sixth trader leaves the money where it is


class Closing:
    """What happens after the last step of the flow.

    Attributes
    ----------
    claimed : dict of int to int
        Atoms that the Vault paid, by account.
    withdrawals, forced, settled : int
        Signed withdrawals, forced ones that were served, expiries that were settled.
    """

    def __init__(self, pipeline: Pipeline):
        self._pipeline = pipeline
        self._world = pipeline.world
        self.claimed: dict[int, int] = {}
        self.withdrawals = 0
        self.forced = 0
        self._leaving: list[int] = []

    # --- settlement -------------------------------------------------------------------------------

    async def settle(self) -> tuple[Settlement, ...]:
        """Move past the first expiry, let the reporters sign, and fix the prices."""
        world = self._world
        first = min(world.expiries)
        await self._pipeline.advance_to(first * 3600 + 60)
        due = [place for place, hours in enumerate(world.expiries) if hours == first]
        for place in due:
            self._fix_price(place)
        # The prices take effect in the first batch that is built after they were fixed.
        await self._pipeline.advance_to(world.remote.time + 2)
        await self._pipeline.close_batch()
        return tuple(self._settlement(place) for place in due)

    def _fix_price(self, place: int) -> None:
        world, plan = self._world, self._world.listing.expiries[place]
        market, hours = world.markets[plan.market], world.expiries[place]
        said = world.listing.markets[plan.market].settles_at
        reports = []
        for number, reporter in enumerate(world.reporters):
            # They do not agree to the atom: the median counts.
            price = said + (number - 1) * (said // 1_000)
            signature = sign(reporter, world.domain, Report(market, hours, price))
            reports.append((number, price, signature))
        call = world.deployment.prices.functions.settle(market, hours, reports)
        world.remote.send("settle an expiry", world.rich, call)

    def _settlement(self, place: int) -> Settlement:
        world, plan = self._world, self._world.listing.expiries[place]
        market, hours = world.markets[plan.market], world.expiries[place]
        price, fixed_at = world.deployment.prices.functions.priceOf(market, hours).call()
        if not fixed_at:
            raise InvariantBroken(f"the price of market {market}, expiry {hours} was not fixed")
        return Settlement(
            market=world.listing.markets[plan.market].name,
            expires_at=hours * 3600,
            price=price,
            cap=plan.cap,
            reporters=len(world.reporters),
            paid=self._pipeline.tally.settlements[market, hours],
        )

    # --- withdrawals ------------------------------------------------------------------------------

    async def withdraw(self) -> None:
        """All but some traders let out what is free; one is not asked and forces it."""
        leaving = [
            trader
            for number, trader in enumerate(self._world.traders, 1)
            if number % STAY or len(self._world.traders) < STAY
        ]
        forcing, signing = leaving[-1], leaving[:-1]
        for trader in signing:
            await self._withdraw(trader.account, trader)
        await self._withdraw(FEE_ACCOUNT, None)
        vault = self._world.deployment.vault
        self._world.remote.send(
            "ask for a forced withdrawal", forcing.owner, vault.functions.ask(forcing.account)
        )
        self._leaving.append(forcing.account)
        await self._pipeline.advance_to(self._world.remote.time + 2)
        view = self._pipeline.engine.account_view(forcing.account)
        if not view.served == view.asks == 1:
            raise InvariantBroken(f"account {forcing.account} asked and was not served: {view}")
        self.forced += 1
        await self._pipeline.close_batch()

    async def _withdraw(self, account: int, trader: Trader | None) -> None:
        """Sign a withdrawal of everything that is free; nothing if nothing is."""
        amount = self._pipeline.engine.account_view(account).free
        if not amount:
            return
        # The last ids there are: no order of the flow comes near them.
        message = Withdrawal(account, amount, ORDER_ID_END - 1, self._pipeline.now + LIFE)
        owner = trader.owner if trader else self._world.fees
        body = {
            "withdrawal": wire.terms(message),
            "signature": "0x" + sign(owner, self._world.domain, message).hex(),
        }
        status, answer = await self._pipeline.gateway.post(
            "/withdrawals", msgspec.json.encode(body)
        )
        if status != 200:
            raise InvariantBroken(f"withdrawal of {amount} by account {account}: {answer}")
        self.withdrawals += 1
        self._leaving.append(account)

    # --- claims -----------------------------------------------------------------------------------

    async def wait_until_final(self) -> None:
        """Let the challenge window pass."""
        after = self._world.deployment.windows.final_after
        await self._pipeline.advance_to(self._world.remote.time + after + BATCH_AGE)

    async def claim(self) -> None:
        """Fetch a proof for each who leaves, check it, and claim at the Vault."""
        for account in self._leaving:
            status, proof = await self._pipeline.gateway.get(
                f"/accounts/{account}/proof", batch="final"
            )
            if status != 200:
                raise InvariantBroken(f"proof of account {account}: {proof}")
            verify_account_proof(proof)
            self._claim(account, proof)

    def _claim(self, account: int, proof: dict[str, Any]) -> None:
        vault = self._world.deployment.vault
        call = vault.functions.claim(account, *claim_arguments(proof))
        # Anybody may claim for anybody; the owner is paid.
        receipt = self._world.remote.send("claim with a proof", self._world.rich, call)
        paid = vault.events.Claimed().process_receipt(receipt, DISCARD)
        self.claimed[account] = sum(int(entry["args"]["amount"]) for entry in paid)


def claim_arguments(proof: dict[str, Any]) -> tuple[Any, ...]:
    """Header, leaf and path of an account's proof, as ``Vault.claim`` takes them."""
    header = proof["header"]
    names = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
    words = tuple(bytes.fromhex(header[name][2:]) for name in names)
    leaf = [bytes.fromhex(word[2:]) for word in proof["leaf"]]
    path = proof["path"]
    siblings = [bytes.fromhex(sibling[2:]) for sibling in path["siblings"]]
    return words, leaf, (int(path["present"]), siblings)


def vault_atoms(world: World) -> int:
    """What the Vault's token balance is worth, atoms (rounded down)."""
    token, vault = world.deployment.token, world.deployment.vault
    units = token.functions.balanceOf(vault.address).call()
    return int(units // vault.functions.tokenUnitsPerAtom().call())
