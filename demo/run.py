"""One whole run: deploy, trade, settle, withdraw, claim, audit."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount
from web3 import Web3

from demo import report
from demo.closing import Closing, vault_atoms
from demo.pipeline import Pipeline
from demo.play import Play
from demo.remote import Remote
from demo.results import Invariant, Refusal, Results, Settlement
from demo.show import Show
from demo.stage import World, deploy_exchange, list_everything, open_trader
from demo.steps import Flow, FlowError
from matcher.chain.audit import AuditReport, audit
from matcher.chain.deployment import default_path
from matcher.errors import InvariantBroken

JOURNAL: Final = "demo"  # directory below the output, of the journal and the archive


@dataclass(frozen=True)
class Settings:
    """What a run needs beside its flow."""

    w3: Web3
    rich: LocalAccount  # pays for everything, owns the exchange
    network: str
    output: Path
    lasts: bool  # the chain outlives the run; else a record of another chain's exchange is left


def run(settings: Settings, flow: Flow, show: Show) -> Results:
    """Play a flow on a new exchange, and leave ``report.html`` in the output directory."""
    flow.check()
    remote = Remote(settings.w3)
    show.say(f"Deploying on {settings.network}, chain {settings.w3.eth.chain_id}")
    world = deploy_exchange(remote, settings.rich, flow)
    if settings.lasts or not default_path(world.deployment.chain_id).exists():
        world.deployment.save()
    list_everything(world)
    show.say(f"Listed {', '.join(world.symbols[:3])}, ... {len(world.symbols)} instruments")
    with show.task("Opening accounts", len(flow.traders)) as bar:
        for number in range(len(flow.traders)):
            trader = open_trader(world, number)
            bar(number + 1, f"{trader.name}: account {trader.account}")
    # In a directory of its own, so that two runs do not disturb each other.
    directory = settings.output / f"{JOURNAL}.{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    results = asyncio.run(_Run(settings, world, directory, show).go())
    last = settings.output / JOURNAL
    shutil.rmtree(last, ignore_errors=True)
    directory.rename(last)
    return results


class _Run:
    """What happens on the event loop."""

    def __init__(self, settings: Settings, world: World, directory: Path, show: Show):
        self.settings = settings
        self.world = world
        self.show = show
        self.pipeline = Pipeline(world, directory)
        self.play = Play(self.pipeline, world.flow)
        self.closing = Closing(self.pipeline)

    async def go(self) -> Results:
        show, flow, pipeline = self.show, self.world.flow, self.pipeline
        async with pipeline:
            with show.task(f"Playing {flow.name}", len(flow.steps)) as bar:
                await self.play.run(
                    lambda done, batches: bar(
                        done, f"{pipeline.tally.fills:,} fills in {batches} batches"
                    )
                )
            show.say("Moving time past the expiry; the reporters sign")
            settlements = await self.closing.settle()
            show.say("Withdrawing: signed, and one forced")
            await self.closing.withdraw()
            await self.closing.wait_until_final()
            show.say("Claiming at the Vault with proofs")
            await self.closing.claim()
            await pipeline.catch_up()
            pipeline.engine.check()
        self._compare_replay()
        show.say("Auditing from the chain alone: every batch once more")
        found = audit(self.settings.w3, self.world.deployment, self._order_files())
        return self._results(found, settlements)

    def _order_files(self) -> list[tuple[int, bytes]]:
        archive = self.pipeline.archive
        return [(batch_id, archive.read(batch_id).order_file) for batch_id in archive.ids()]

    def _compare_replay(self) -> None:
        """The journal, replayed, must be the same life."""
        lived, replayed = self.pipeline.engine.state_hash(), self.pipeline.replayed_hash()
        if lived != replayed:
            raise InvariantBroken(
                f"the journal replays to {replayed.hex()}, but the state is {lived.hex()}"
            )
        self.show.say(f"Replayed the journal to the same state, {lived.hex()[:16]}")

    # --- results ----------------------------------------------------------------------------------

    def _results(self, found: AuditReport, settlements: tuple[Settlement, ...]) -> Results:
        world, tally, play = self.world, self.pipeline.tally, self.play
        batches = self.pipeline.batch_rows()
        results = Results(
            flow=world.flow.name,
            network=self.settings.network,
            chain_id=world.deployment.chain_id,
            contracts=tuple(world.deployment.addresses.items()),
            finished_at=world.remote.time,
            seconds=self.show.seconds,
            counts=(
                ("messages", play.messages),
                ("orders", tally.orders),
                ("fills", tally.fills),
                ("batches", len(batches)),
                ("traders", len(world.traders)),
                ("instruments", len(world.instruments)),
                ("refused", play.refusals.total()),
                ("withdrawals", self.closing.withdrawals + self.closing.forced),
            ),
            facts=(
                *world.flow.facts,
                *self._recorded(),
                ("bad requests, each refused with its own code", play.spoiled),
                ("requests sent twice, taken once", play.repeated),
                ("looks at every invariant of the engine, none broken", play.checks),
            ),
            refusals=tuple(Refusal(*entry) for entry in play.refusals.most_common()),
            gas=tuple((what, count, gas) for what, (count, gas) in world.remote.gas.items()),
            batches=batches,
            pictures=tally.pictures(),
            tapes=tally.tapes(),
            accounts=tally.rows(self.closing.claimed),
            settlements=settlements,
            invariants=_invariants(found),
            vault=vault_atoms(world),
        )
        if results.fills != tally.fills:
            raise FlowError(f"fills: {results.fills} in batches, {tally.fills} told")
        return results

    def _recorded(self) -> tuple[tuple[str, int], ...]:
        """How close a recorded flow came to what was recorded."""
        if not self.play.named:
            return ()
        return (
            ("lots of recorded executions", self.play.named),
            ("of them filled the very order recorded", self.play.hit),
        )


def _invariants(found: AuditReport) -> tuple[Invariant, ...]:
    """The laws, the contracts' counters against the replay's, and the verdict on every batch."""
    laws = [Invariant(law.name, law.law, law.found, law.holds is True) for law in found.laws]
    differing = [f"{one.what}: {d}" for one in found.agreements for d in one.differences]
    compared = sum(one.compared for one in found.agreements)
    about = ", ".join(one.what for one in found.agreements)
    equal = Invariant(
        "=",
        "the contracts' own counters agree with the replay",
        "; ".join(differing[:3]) or f"{compared:,} compared: {about}",
        not differing,
    )
    lies = [finding for batch in found.batches for finding in batch.findings]
    verdict = Invariant(
        "∀",
        "no batch holds a lie",
        "; ".join(lies[:3]) or f"{len(found.batches):,} batches judged",
        found.sound,
    )
    return (*laws, equal, verdict)


def finish(results: Results, settings: Settings, flow: Flow, show: Show) -> Path:
    """Write the report, print the table."""
    path = report.write(results, settings.output / "report.html", flow.duration)
    show.table(results)
    show.verdict(results, str(path))
    return path
