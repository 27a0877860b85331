"""Starts the processes of an exchange, names who died, starts him again, and ends them in order.

Started in the order matcher, batcher, gateways; ended the other way round, so that whatever was
taken is answered. A process that ends by a signal or a fault is started again: it catches up from
the journal, and so loses nothing that was acknowledged. One that names a reason which would come
again (a damaged journal, a chain that took back what was told) ends all of them, in order.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

import matcher
from matcher.batch import genesis
from matcher.chain.deployment import Deployment
from matcher.chain_side import find_deployment
from matcher.errors import QuoinError
from matcher.gateway.server import listen
from matcher.gateway.switch_files import hand_over
from matcher.journal.writer import limits_in
from matcher.processes.control import (
    FAILED,
    Control,
    Ended,
    Message,
    Ready,
    SayState,
    StateIs,
    Stop,
)
from matcher.processes.notices import make_way, reachable
from matcher.processes.plan import (
    BATCHER,
    GATEWAY,
    MATCHER,
    PUBLISHER,
    SWITCHES,
    Plan,
    run_of,
    sockets_of,
)
from matcher.processes.shared import Shared, make_bells
from matcher.settings import (
    KEY_VARIABLE,
    PASSWORD_VARIABLE,
    Settings,
    SettingsError,
    require_directory,
)
from matcher.shared.segments import default_place, sweep

log = structlog.get_logger(__name__)

MAX_GATEWAYS: Final = 64
GRACE: Final = 20.0  # seconds from asking a process to end until it is killed
TRIES: Final = 5  # deaths in a row, none after so many ...
STEADY: Final = 5.0  # ... seconds at work
PAUSE: Final = 0.1  # seconds before a process that died is started again; doubled each time
MAX_PAUSE: Final = 5.0
STATE_SECONDS: Final = 30.0
SOCKET: Final = "supervisor"


class ProcessStopped(QuoinError):
    """A process of the exchange ended, and would end again."""


class Child:
    """One process, over all its lives.

    Attributes
    ----------
    plan : Plan
    starts : int
        How often it was started.
    failures : int
        Deaths in a row, each before it was at work for long.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.starts = 0
        self.failures = 0
        self.ready_at = 0.0  # seconds of the loop's clock
        self.needed = asyncio.Event()  # set once those are at work that it needs
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.details: dict[str, Any] = {}
        self.reason = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.control: Control | None = None
        self.state: asyncio.Future[StateIs] | None = None

    @property
    def name(self) -> str:
        """As in the log."""
        return self.plan.name

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and not self.ended.is_set()

    def send(self, message: Message) -> None:
        """Tell it something."""
        if self.control is not None and self.alive:
            self.control.send(message)


class Supervisor:
    """An exchange in several processes.

    Parameters
    ----------
    settings : Settings
    gateways : int
        How many.
    log_level : str
    log_json : bool
    place : Path, optional
        Directory of the segments.
    """

    def __init__(
        self,
        settings: Settings,
        gateways: int,
        log_level: str = "info",
        log_json: bool = False,
        place: Path | None = None,
    ):
        if not 1 <= gateways <= MAX_GATEWAYS:
            raise SettingsError(f"processes: found {gateways}, allowed 1 to {MAX_GATEWAYS}")
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._gateways = gateways
        self._log = (log_level, log_json)
        self._place = place or default_place()
        self._ending = asyncio.Event()
        self._failure: Exception | None = None
        self._restarts: set[asyncio.Task[None]] = set()
        self._shared: Shared | None = None
        self._bells: tuple[int, ...] = ()
        self._listening: socket.socket | None = None

    # --- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until `stop`.

        Raises
        ------
        QuoinError
            Why the exchange could not start, or which process ended and why.
        """
        require_directory(self.settings.data)
        deployment = await asyncio.to_thread(find_deployment, self.settings)
        server: asyncio.Server | None = None
        try:
            self._make_plans(deployment)
            server = await self._serve_states()
            await self._start_all()
            await self._ending.wait()
        finally:
            self._ending.set()
            if server is not None:
                server.close()
            await self._stop_all()
            self._release()
        if self._failure is not None:
            raise self._failure
        log.info("node ended")

    def stop(self) -> None:
        """End in order."""
        self._ending.set()

    async def _start_all(self) -> None:
        """Start each when those it needs are at work."""
        groups: list[list[Child]] = [[], [], []]
        for child in self.children.values():
            groups[{MATCHER: 0, BATCHER: 1}.get(child.name, 2)].append(child)
        for child in self.children.values():
            self._start(child)  # they import what they need while they wait
        for group in groups:
            for child in group:
                child.needed.set()
                if child.alive and child.control is not None:
                    child.control.send_line(msgspec.json.encode(child.plan))
            if not await self._all_ready(group):
                return
        gateway = self.children[f"{GATEWAY}-1"]
        states = await self.states()
        log.info(
            "node ready",
            url=gateway.details["url"],
            processes={
                child.name: child.process.pid for child in self.children.values() if child.process
            },
            state="0x" + states[MATCHER].state.hex() if MATCHER in states else None,
        )

    async def _all_ready(self, group: list[Child]) -> bool:
        """Wait until all are at work; False if the end comes first."""
        ending = asyncio.ensure_future(self._ending.wait())
        for child in group:
            ready = asyncio.ensure_future(child.ready.wait())
            await asyncio.wait([ready, ending], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
        ending.cancel()
        return not self._ending.is_set()

    async def _stop_all(self) -> None:
        for task in self._restarts:
            task.cancel()
        gateways = [c for c in self.children.values() if c.name not in (MATCHER, BATCHER)]
        rest = [self.children[name] for name in (BATCHER, MATCHER) if name in self.children]
        await asyncio.gather(*map(self._stop, gateways))
        for child in rest:
            await self._stop(child)

    async def _stop(self, child: Child) -> None:
        if not child.alive:
            return
        assert child.process is not None
        if child.needed.is_set():
            child.send(Stop())
        elif child.control is not None:
            child.control.hang_up()  # it was never told what it is
        try:
            await asyncio.wait_for(child.ended.wait(), GRACE)
        except TimeoutError:
            log.error("process does not end; killed", process=child.name, pid=child.process.pid)
            child.process.kill()
            await child.ended.wait()

    # --- one process ----------------------------------------------------------------------------

    def _start(self, child: Child) -> None:
        plan = child.plan
        ours, theirs = socket.socketpair()
        inherited = [theirs.fileno(), *plan.bells]
        if plan.listening >= 0:
            inherited.append(plan.listening)
        hidden = (KEY_VARIABLE, PASSWORD_VARIABLE)
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        root = str(Path(matcher.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        child.process = subprocess.Popen(
            [sys.executable, "-m", "matcher.processes.child", plan.name, str(theirs.fileno())],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        theirs.close()
        child.starts += 1
        child.ready.clear()
        child.ended.clear()
        child.reason = ""
        child.control = Control(ours)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, self._hear, child)
        descriptor = os.pidfd_open(child.process.pid)
        loop.add_reader(descriptor, self._died, child, descriptor)
        if child.needed.is_set():
            child.control.send_line(msgspec.json.encode(plan))

    def _hear(self, child: Child) -> None:
        control = child.control
        assert control is not None
        for message in control.read():
            if isinstance(message, Ready):
                child.details = message.details
                child.ready_at = asyncio.get_running_loop().time()
                child.ready.set()
                assert child.process is not None
                log.info(
                    "process ready",
                    process=child.name,
                    pid=child.process.pid,
                    starts=child.starts,
                    **message.details,
                )
            elif isinstance(message, StateIs):
                if child.state is not None and not child.state.done():
                    child.state.set_result(message)
            elif isinstance(message, Ended):
                child.reason = message.reason
        if control.gone:
            asyncio.get_running_loop().remove_reader(control.socket)

    def _died(self, child: Child, descriptor: int) -> None:
        """A process has ended, whyever."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(descriptor)
        os.close(descriptor)
        assert child.process is not None
        assert child.control is not None
        code = child.process.wait()
        self._hear(child)
        loop.remove_reader(child.control.socket)
        child.control.close()
        if child.ready.is_set() and loop.time() - child.ready_at >= STEADY:
            child.failures = 0
        child.ended.set()
        child.ready.clear()
        if child.state is not None and not child.state.done():
            child.state.cancel()
        if self._ending.is_set():
            if code:
                log.error("process failed at the end", process=child.name, **_said(code))
            return
        log.error("process died", process=child.name, pid=child.process.pid, **_said(code))
        child.failures += 1
        if code == FAILED:
            self._fail(ProcessStopped(f"{child.name}: {child.reason or 'failed'}"))
        elif child.failures >= TRIES:
            self._fail(ProcessStopped(f"{child.name}: died {TRIES} times in a row"))
        else:
            restart = asyncio.create_task(self._restart(child))
            self._restarts.add(restart)
            restart.add_done_callback(self._restarts.discard)

    async def _restart(self, child: Child) -> None:
        if child.failures > 1:
            await asyncio.sleep(min(PAUSE * 2**child.failures, MAX_PAUSE))
        log.warning("process started again", process=child.name, starts=child.starts + 1)
        self._start(child)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._ending.set()

    # --- what they share ------------------------------------------------------------------------

    def _make_plans(self, deployment: Deployment) -> None:
        """Make what the processes share, and say what each of them is to be."""
        settings = self.settings
        names = [MATCHER, BATCHER, *(f"{GATEWAY}-{i}" for i in range(1, self._gateways + 1))]
        if settings.publish is not None:
            names.append(PUBLISHER)
        sweep(self._place)
        gateways = [name for name in names if name.startswith(GATEWAY)]
        hand_over(settings.data / SWITCHES, gateways)
        self._bells = make_bells(len(names))
        try:
            self._listening = listen(settings.host, settings.port)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise SettingsError(f"{where}: cannot listen there: {error.strerror}") from error
        operator = bytes(settings.operator.key) if settings.operator is not None else b""
        log_level, log_json = self._log
        for name in names:
            self.children[name] = Child(
                Plan(
                    name=name,
                    processes=tuple(names),
                    bells=self._bells,
                    data=str(settings.data.resolve()),
                    run=run_of(settings.data),
                    place=str(self._place),
                    chain_id=deployment.chain_id,
                    registry=bytes.fromhex(deployment.registry.address[2:]),
                    genesis=genesis(deployment.genesis_built_at),
                    windows=deployment.windows,
                    room=limits_in(settings.data / "journal"),
                    rpc=settings.rpc,
                    deployment=str(settings.deployment) if settings.deployment else None,
                    host=settings.host,
                    confirmations=settings.confirmations,
                    batches=settings.batches,
                    limits=settings.limits,
                    fees=settings.fees,
                    mode=settings.mode,
                    poll=settings.poll,
                    origins=settings.origins,
                    publish=settings.publish,
                    known_keys=settings.known_keys,
                    log_level=log_level,
                    log_json=log_json,
                    listening=self._listening.fileno() if name.startswith(GATEWAY) else -1,
                    operator=operator if name == BATCHER else b"",
                )
            )
        self._shared = Shared(self.children[MATCHER].plan)

    def _release(self) -> None:
        """Let go of what the processes shared."""
        if self._shared is not None:
            self._shared.close()
        for bell in self._bells:
            os.close(bell)
        if self._listening is not None:
            self._listening.close()

    # --- states ---------------------------------------------------------------------------------

    async def states(self) -> dict[str, StateIs]:
        """How far each process is, and the hash of its state; without those that do not say."""
        asked = [child for child in self.children.values() if child.ready.is_set()]
        for child in asked:
            child.state = asyncio.get_running_loop().create_future()
            child.send(SayState())
        answers = [child.state for child in asked if child.state is not None]
        if answers:
            await asyncio.wait(answers, timeout=STATE_SECONDS)
        return {
            child.name: child.state.result()
            for child in asked
            if child.state is not None and child.state.done() and not child.state.cancelled()
        }

    async def _serve_states(self) -> asyncio.Server:
        """Answer whoever connects with what the processes are."""
        turn = asyncio.Lock()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with turn:
                states = await self.states()
            rows = [
                {
                    "process": child.name,
                    "pid": child.process.pid if child.process is not None else 0,
                    "starts": child.starts,
                    "sequence": states[child.name].sequence if child.name in states else None,
                    "state": states[child.name].state.hex() if child.name in states else None,
                }
                for child in self.children.values()
            ]
            writer.write(msgspec.json.encode(rows) + b"\n")
            await writer.drain()
            writer.close()

        path = sockets_of(self.settings.data) / SOCKET
        make_way(path)
        with reachable(path) as name:
            return await asyncio.start_unix_server(serve, name)


def _said(code: int) -> dict[str, object]:
    """An exit code for people."""
    if code < 0:
        return {"signal": signal.Signals(-code).name}
    return {"code": code}


def ask_states(data: Path) -> list[dict[str, Any]]:
    """What the processes of a running exchange are, in the order of their start.

    Raises
    ------
    ProcessStopped
        If none runs on this directory.
    """
    path = sockets_of(data) / SOCKET
    try:
        with reachable(path) as name, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(2 * STATE_SECONDS)
            asking.connect(name)
            answer = b""
            while part := asking.recv(1 << 16):
                answer += part
    except OSError as error:
        raise ProcessStopped(f"{path}: nobody answers: {error.strerror or error}") from error
    rows: list[dict[str, Any]] = msgspec.json.decode(answer)
    return rows
