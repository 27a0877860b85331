"""A pytest plugin: gas as a committed figure.

Load it with ``pytest_plugins = ["gaslab.plugin"]`` in the top conftest, or ``-p gaslab.plugin``.
A test asks for the fixture `gaslab`, measures, and hands over what it measured::

    @pytest.mark.gaslab(schedule=("prague", "osaka"), tolerance={"memory_peak_bytes": 32})
    def test_push_into_a_full_ring_is_cheap(gaslab):
        ring = gaslab.deploy(gaslab.compile("contracts/Ring.sol")["Ring"], 64)
        pushed = gaslab.measure(ring, "push(uint256)", 7)
        gaslab.check(pushed, limit=30_000)

The figures are compared with the snapshot (``gaslab_snapshot`` in the ini file, by default
``tests/gas/gaslab.snap``). A worse figure fails, and so does one that is better, as the snapshot
would be stale and hide the next loss. ``--gaslab-update`` writes instead; limits hold all the same.
A run of all tests that measure also finds the cases that no test measures any more. Under
pytest-xdist each worker writes under a lock, and what they saw is gathered.

Markers
-------
schedule : str or sequence of str
    Schedules to measure under, by name or path; the test runs once for each of a sequence.
tolerance : mapping of str to int
    By how much figures may differ from the snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # the EVM and the compiler are loaded by tests that measure, not by every run
    from gaslab.committed import Committed
    from gaslab.environment import Deployed, Environment
    from gaslab.experiment import Settings
    from gaslab.measurement import Measurement
    from gaslab.schedule import Schedule
    from gaslab.snapshot import Row
    from gaslab.solc import Contract

FIXTURE = "gaslab"
SHOWN = 20  # stale cases that are named


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and settings, all with names of their own."""
    group = parser.getgroup("gaslab", "gas as committed figures")
    group.addoption(
        "--gaslab-update", action="store_true", help="write the gas snapshot, do not compare"
    )
    group.addoption("--gaslab-snapshot", metavar="PATH", help="another snapshot than the ini's")
    parser.addini("gaslab_snapshot", "the committed gas figures", default="tests/gas/gaslab.snap")
    parser.addini("gaslab_schedule", "what tests measure under unless marked", default="osaka")
    parser.addini(
        "gaslab_update_command",
        "what a failure tells to run if the change is meant",
        default="pytest --gaslab-update",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker is, and begin to add up."""
    config.addinivalue_line(
        "markers",
        "gaslab(schedule, tolerance): gas schedules to measure under, and by how much figures may"
        " differ from the committed ones",
    )
    config.stash[_RUN] = _Run(config)


# --- what a test gets -----------------------------------------------------------------------------


class Lab:
    """What a test measures with, under one schedule, on a chain of its own.

    Attributes
    ----------
    schedule : Schedule
    environment : Environment
        Made when first asked for.
    """

    def __init__(self, request: pytest.FixtureRequest, schedule: str):
        self._request = request
        self._schedule = schedule
        self._run = request.config.stash[_RUN]
        self._rows: list[Row] = request.node.stash.setdefault(_ROWS, [])

    @cached_property
    def schedule(self) -> Schedule:
        from gaslab.schedule import load_schedule

        return load_schedule(self._schedule)

    @cached_property
    def environment(self) -> Environment:
        from gaslab.environment import Environment

        return Environment(self.schedule)

    def compile(self, *files: str | Path, settings: Settings | None = None) -> dict[str, Contract]:
        """Contracts by name, of files named from the root of the project."""
        from gaslab.experiment import Settings
        from gaslab.solc import compile_files

        root = self._request.config.rootpath
        return compile_files([root / file for file in files], settings or Settings())

    def deploy(self, contract: Contract, *args: Any, **options: Any) -> Deployed:
        """Deploy with constructor arguments; its own cost is in ``creation``.

        Raises
        ------
        Reverted
        """
        return self.environment.deploy(contract, *args, **options)

    def measure(self, at: Deployed, name: str, *args: Any, **options: Any) -> Measurement:
        """Send one transaction.

        Raises
        ------
        Reverted
        """
        from gaslab.errors import Reverted

        measurement = at.send(name, *args, **options)
        if not measurement.success:
            raise Reverted(name, at.reason(measurement))
        return measurement

    def check(
        self,
        what: Row | Measurement | Sequence[Measurement],
        case: str = "",
        *,
        size: int = 1,
        limit: int | Mapping[str, int] | None = None,
        tolerance: Mapping[str, int] | None = None,
        deployed: Deployed | None = None,
    ) -> Row:
        """Compare with the committed figures, or take over with ``--gaslab-update``.

        Parameters
        ----------
        what : Row, Measurement or sequence of Measurement
            Several transactions are one case, their figures summed.
        case : str
            Its name in the snapshot; the test's by default. A `Row` brings its own.
        size : int
            How many items it is about.
        limit : int or mapping of str to int
            Most gas, or most of each figure, whatever is committed.
        tolerance : mapping of str to int
            Over the marker's.
        deployed : Deployed or None
            A contract whose deploy gas and code size belong to the case.

        Returns
        -------
        Row

        Raises
        ------
        FiguresDiffer
        InputError
        """
        __tracebackhide__ = True
        from gaslab.diff import check_tolerance
        from gaslab.errors import InputError

        row = self._row(what, case, size, deployed)
        allowed = {**self._marked_tolerance(), **(tolerance or {})}
        check_tolerance(allowed)
        if row.key in self._run.seen:
            raise InputError("gaslab.check", row.key, "each case once in a run")
        self._run.committed.check(row, limit=limit, tolerance=allowed)
        self._run.seen[row.key] = row["transactions"] - row["composed"]
        self._rows.append(row)
        return row

    def _row(
        self,
        what: Row | Measurement | Sequence[Measurement],
        case: str,
        size: int,
        deployed: Deployed | None,
    ) -> Row:
        from gaslab.snapshot import Row, row_of

        if isinstance(what, Row):
            return what
        from gaslab.run import case_of

        measured = [*what] if isinstance(what, Sequence) else [what]
        return row_of(
            case_of(
                slug(self._request.path.stem.removeprefix("test_")),
                slug(case or self._request.node.originalname.removeprefix("test_")),
                size,
                self.schedule.name,
                measured,
                creation=deployed.creation if deployed else None,
            )
        )

    def _marked_tolerance(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for marker in reversed([*self._request.node.iter_markers(FIXTURE)]):  # the closest last
            found |= marker.kwargs.get("tolerance", {})
        return found


def slug(text: str) -> str:
    """Text as a part of a snapshot's key: ``hard cancel, first`` is ``hard-cancel-first``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@pytest.fixture
def gaslab_schedule(request: pytest.FixtureRequest) -> str:
    """Name or path of the schedule that a test measures under."""
    if hasattr(request, "param"):
        return str(request.param)
    marked = _marked_schedule(request.node)
    return str(marked if marked is not None else request.config.getini("gaslab_schedule"))


@pytest.fixture
def gaslab(request: pytest.FixtureRequest, gaslab_schedule: str) -> Lab:
    """What a test measures gas with, and hands the figures to; see `Lab`."""
    return Lab(request, gaslab_schedule)


def _marked_schedule(node: Any) -> Any:
    for marker in node.iter_markers(FIXTURE):
        if "schedule" in marker.kwargs:
            return marker.kwargs["schedule"]
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each schedule that it is marked with."""
    if FIXTURE in metafunc.fixturenames:
        marked = _marked_schedule(metafunc.definition)
        if marked is not None and not isinstance(marked, str | Path):
            metafunc.parametrize("gaslab_schedule", [*marked], indirect=True, ids=str)


# --- what a run adds up ---------------------------------------------------------------------------


@dataclass
class _Run:
    """What one process of a run has seen; the controller's holds what all workers saw.

    Attributes
    ----------
    seen : dict of str to int
        Cases compared or taken over, and the transactions of each.
    rows : list of Row
        Of tests that passed, not yet written.
    collected, passed : int
        Tests that ask for the fixture.
    whole : bool
        Whether all such tests were to run, as far as is known.
    stale : list of str
        Cases that no test measures; known at the end of a complete run.
    """

    config: pytest.Config
    seen: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    collected: int = 0
    passed: int = 0
    whole: bool = True
    stale: list[str] = field(default_factory=list)

    @cached_property
    def committed(self) -> Committed:
        from gaslab.committed import Committed

        option = self.config.getoption("gaslab_snapshot")
        path = Path(option or self.config.getini("gaslab_snapshot"))
        folder = self.config.invocation_params.dir if option else self.config.rootpath
        return Committed(
            folder / path,
            update=bool(self.config.getoption("gaslab_update")),
            command=str(self.config.getini("gaslab_update_command")),
        )

    @property
    def is_complete(self) -> bool:
        """Whether every test that could measure a case of the snapshot ran and passed."""
        return (
            self.whole
            and 0 < self.passed == self.collected
            and _covers(self.config, self.committed.path.parent)
        )

    def write(self) -> None:
        """Take over what tests that passed have measured, if that is wanted."""
        if self.rows and self.committed.update:
            self.committed.merge(self.rows)
        self.rows.clear()

    def dump(self) -> dict[str, Any]:
        """For the controller."""
        names = ("seen", "collected", "passed", "whole")
        return {name: getattr(self, name) for name in names}

    def add(self, found: dict[str, Any] | None) -> None:
        """What a worker saw; None if it broke down."""
        if found is None:
            self.whole = False
            return
        self.seen |= found["seen"]
        self.collected = max(self.collected, found["collected"])  # each worker collects all
        self.passed += found["passed"]
        self.whole = self.whole and found["whole"]


_RUN = pytest.StashKey[_Run]()
_ROWS = pytest.StashKey[list["Row"]]()


def _covers(config: pytest.Config, folder: Path) -> bool:
    """Whether the arguments name all tests: the snapshot's folder, or all of `testpaths`."""
    if any("::" in argument for argument in config.args):
        return False
    if config.getoption("ignore", None) or config.getoption("ignore_glob", None):
        return False
    named = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    tests = [(config.rootpath / path).resolve() for path in config.getini("testpaths")]

    def within(path: Path) -> bool:
        return any(path == found or found in path.parents for found in named)

    return within(folder.resolve()) or (bool(tests) and all(map(within, tests)))


def _measures(item: pytest.Item) -> bool:
    return FIXTURE in getattr(item, "fixturenames", ())


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """A run without all its tests cannot tell what is stale."""
    for item in items:
        if _measures(item):
            item.config.stash[_RUN].whole = False


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the tests that are to measure."""
    session.config.stash[_RUN].collected = sum(map(_measures, session.items))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Take over what a test measured once it has passed."""
    report: Any = yield
    if report.when == "call" and report.passed and _measures(item):
        run = item.config.stash[_RUN]
        run.passed += 1
        if _ROWS in item.stash:
            measured: list[Row] = item.stash[_ROWS]
            run.rows += measured
    return report  # type: ignore[no-any-return]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Write after each module: not so often that it takes long, nor so late that much is lost."""
    result: Any = yield
    if nextitem is None or nextitem.path != item.path:
        item.config.stash[_RUN].write()
    return result  # type: ignore[no-any-return]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Gather what a worker of pytest-xdist saw."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_RUN].add(None if error else output.get(FIXTURE))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over to the controller, or see what no test measures any more."""
    run = session.config.stash[_RUN]
    run.write()  # what an interrupted run has not
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[FIXTURE] = run.dump()
    elif run.is_complete:
        if run.committed.update:
            run.stale = run.committed.keep(run.seen.keys())
        else:
            run.stale = [key for key in run.committed.rows if key not in run.seen]
            if run.stale and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many transactions were summed, and what no test measures."""
    run = config.stash[_RUN]
    if not run.seen:
        return
    did = "written" if run.committed.update else "compared"
    terminalreporter.write_line(
        f"gas lab: {len(run.seen):,} cases {did}, {sum(run.seen.values()):,} transactions; the"
        " components of each sum to its gas exactly"
    )
    if run.stale:
        happened = "removed" if run.committed.update else "in the snapshot"
        terminalreporter.write_line(
            f"gas lab: {happened}, but no test measures:", red=not run.committed.update
        )
        for key in run.stale[:SHOWN]:
            terminalreporter.write_line(f"  {key}")
        if len(run.stale) > SHOWN:
            terminalreporter.write_line(f"  and {len(run.stale) - SHOWN} more")
        if not run.committed.update:
            terminalreporter.write_line(f"To remove them: {run.committed.command}")
