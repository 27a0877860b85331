"""Plays a flow through the gateway: signed requests in, answers checked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

from demo.desk import Desk, Request
from demo.pipeline import Pipeline
from demo.steps import Flow, FlowError, Halt, Resume, Step
from matcher.commands import Halted, Resumed
from matcher.types import SLOTS

TICK: Final = 10  # seconds of the flow between two looks at the chain
GROUP: Final = 50  # requests under way at once, in order


class Play:
    """One flow on one exchange.

    Attributes
    ----------
    messages : int
        Requests that were sent.
    refusals : Counter
        By reject code.
    spoiled : int
        Bad requests that were refused with exactly the code that is documented for them.
    repeated : int
        Requests that were sent twice and counted once.
    named, hit : int
        Lots of recorded executions, and how many of them filled the very order that was recorded.
    checks : int
        Looks at every invariant of the engine.
    """

    def __init__(self, pipeline: Pipeline, flow: Flow):
        self._pipeline = pipeline
        self._flow = flow
        self._desk = Desk(pipeline.world, self._is_busy)
        self.messages = 0
        self.refusals: Counter[str] = Counter()
        self.spoiled = 0
        self.repeated = 0
        self.named = 0
        self.hit = 0
        self.checks = 0

    def _is_busy(self, account: int, slot: int) -> bool:
        standing = self._pipeline.engine.open_orders(account)
        return any(order.id % SLOTS == slot for order in standing)

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """Play every step; ``progress(steps, batches)`` is told after each tick.

        Raises
        ------
        FlowError
            If a bad request was taken, or refused for another reason than it should be.
        """
        pipeline, done, checked = self._pipeline, 0, 0
        start = pipeline.world.remote.time + TICK
        for tick, steps in groupby(self._flow.steps, key=lambda step: step.at // 1000 // TICK):
            batch = list(steps)
            await pipeline.advance_to(start + tick * TICK)
            for group in _groups(batch):
                pipeline.tally.at = group[0].at
                await self._send(group)
            pipeline.tally.end_tick()
            if pipeline.batch_count > checked:
                checked = pipeline.batch_count
                pipeline.engine.check()
                self.checks += 1
            done += len(batch)
            progress(done, pipeline.batch_count)
        await pipeline.close_batch()
        pipeline.tally.end_flow()

    async def _send(self, steps: list[Step]) -> None:
        """Requests of traders together, so that they share a sync; the operator's alone."""
        action = steps[0].action
        if isinstance(action, Halt):
            await self._pipeline.sequencer.submit(Halted("the recorded market halted"))
        elif isinstance(action, Resume):
            await self._pipeline.sequencer.submit(Resumed())
        else:
            now = self._pipeline.now
            requests = [request for step in steps for request in self._desk.requests(step, now)]
            post = self._pipeline.gateway.post
            answers = await asyncio.gather(*(post(r.path, r.body) for r in requests))
            before: dict[str, Any] | None = None
            for request, (status, answer) in zip(requests, answers, strict=True):
                before = self._judge(request, status, answer, before)

    def _judge(
        self, request: Request, status: int, answer: dict[str, Any], before: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Count an answer; it, if the request was taken."""
        self.messages += 1
        taken = status == 200
        if not taken:
            self.refusals[answer["error"]["name"]] += 1
        if request.refused is not None:
            if taken or answer["error"]["code"] != request.refused:
                raise FlowError(
                    f"request {request.body.decode()}: found {status} {answer}, "
                    f"allowed a refusal with {request.refused.name}"
                )
            self.spoiled += 1
        if request.repeats:
            # Of two that come at once, either may be the first.
            counted = before is not None and before["duplicate"] != answer.get("duplicate")
            if taken != (before is not None) or (taken and not counted):
                raise FlowError(f"sent twice: found {status} {answer}, allowed a duplicate")
            self.repeated += taken
        if taken and request.names is not None:
            self._compare(request.names, answer)
        return answer if taken else None

    def _compare(self, named: tuple[int, int], answer: dict[str, Any]) -> None:
        """Count the lots that went to the order that was filled where the flow was recorded."""
        self.named += int(answer["order"]["quantity"])
        self.hit += sum(
            int(fill["lots"])
            for fill in answer["fills"]
            if (int(fill["maker"]["account"]), int(fill["maker"]["id"])) == named
        )


def _groups(steps: list[Step]) -> Iterator[list[Step]]:
    """Runs of traders' steps, at most `GROUP` long; each step of the operator alone."""
    group: list[Step] = []
    for step in steps:
        if step.trader < 0 or len(group) == GROUP:
            if group:
                yield group
            group = []
        if step.trader < 0:
            yield [step]
        else:
            group.append(step)
    if group:
        yield group
