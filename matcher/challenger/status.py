"""What a challenger shows of itself: health, metrics, and one line for people."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from matcher.challenger.challenger import Challenger

STALE: Final = 60.0  # seconds without an answer of the chain after which health is bad
ETHER: Final = 10**18
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
JSON: Final = "application/json"


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """Where a challenger stands. Amounts are wei, times seconds."""

    status: str  # ok, behind (it reads or judges history), or ailing
    trouble: str  # why it ails
    acts: bool  # sends what is due
    account: str
    block: int  # up to which everything was read
    height: int  # of the chain
    time: int  # of the next block
    head: int  # newest batch judged
    waiting: int  # batches read and not judged
    final: int  # newest final batch
    frozen: bool
    lies: int
    final_lies: int
    open_questions: int
    under_way: str  # the transaction that is in no block yet
    batches: int  # judged since the start
    chunks: int
    chunks_per_second: float  # while judging
    rebuilt: int  # how often everything was read again
    tally: dict[str, int]


def health_of(challenger: Challenger) -> Health:
    """Health as of the last step. Read from any thread: every part is replaced whole."""
    watch, tally = challenger.watch, challenger.tally
    moment, read = watch.moment, watch.read
    trouble = challenger.trouble
    if not trouble and time.monotonic() - challenger.seen_at > STALE:
        trouble = f"no look at the chain for {STALE:.0f} s"
    if not trouble and tally.final_lies:
        trouble = "a lie became final"
    ok = "ok" if watch.caught_up else "behind"
    return Health(
        status="ailing" if trouble else ok,
        trouble=trouble,
        acts=challenger.acts,
        account=challenger.post.address,
        block=read.number if read else 0,
        height=moment.number if moment else 0,
        time=watch.now,
        head=watch.judge.head.id,
        waiting=watch.waiting,
        final=watch.batches.latest_final(watch.now),
        frozen=watch.frozen,
        lies=tally.lies,
        final_lies=tally.final_lies,
        open_questions=len(watch.questions.open()),
        under_way=challenger.post.under_way,
        batches=watch.counts.batches,
        chunks=watch.counts.chunks,
        chunks_per_second=watch.counts.speed,
        rebuilt=watch.counts.rebuilt,
        tally=msgspec.structs.asdict(tally),
    )


def line_of(health: Health) -> str:
    """Health in one line."""
    parts = [
        f"block {health.block} of {health.height}",
        f"batch {health.head} judged" + (f", {health.waiting} wait" if health.waiting else ""),
        f"{health.final} final",
        f"{health.lies} lies",
        f"{health.tally['convicted']} convicted",
        f"{health.open_questions} questions open",
    ]
    if health.tally["rewards"]:
        parts.append(f"{health.tally['rewards'] / ETHER:g} ether earned")
    if health.chunks:
        parts.append(f"{health.chunks_per_second:.0f} chunks/s")
    if health.under_way:
        parts.append(f"sending: {health.under_way}")
    if health.frozen:
        parts.append("the exchange is frozen")
    return f"{health.trouble or health.status}: " + ", ".join(parts)


# --- over HTTP ------------------------------------------------------------------------------------


def metrics_of(health: Health) -> str:
    """Health in the text format of Prometheus."""
    gauges: dict[str, tuple[str, float]] = {
        "up": ("1 unless it ails", health.status != "ailing"),
        "block": ("Block up to which everything was read", health.block),
        "height": ("Newest block", health.height),
        "head": ("Newest batch judged", health.head),
        "waiting": ("Batches read and not judged", health.waiting),
        "final": ("Newest final batch", health.final),
        "frozen": ("1 if the exchange is frozen", health.frozen),
        "open_questions": ("Questions that nobody answered", health.open_questions),
        "chunks_per_second": ("While judging", health.chunks_per_second),
    }
    counts = {
        "batches": health.batches,
        "chunks": health.chunks,
        "rebuilt": health.rebuilt,
        **health.tally,
    }
    lines = []
    for name, (text, value) in gauges.items():
        lines += _metric(name, "gauge", text, value)
    for name, count in counts.items():
        lines += _metric(f"{name}_total", "counter", "Since the start; amounts in wei", count)
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, text: str, value: float) -> list[str]:
    full = f"quoin_challenger_{name}"
    return [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {float(value)!r}"]


class StatusServer:
    """``/v1/health`` and ``/metrics``, in a thread of their own.

    Parameters
    ----------
    challenger : Challenger
    host : str
    port : int
        0 takes a free one.

    Raises
    ------
    OSError
        If it cannot listen there.
    """

    def __init__(self, challenger: Challenger, host: str, port: int):
        def health() -> tuple[int, str, bytes]:
            found = health_of(challenger)
            return (503 if found.status == "ailing" else 200), JSON, msgspec.json.encode(found)

        def metrics() -> tuple[int, str, bytes]:
            return 200, TEXT, metrics_of(health_of(challenger)).encode()

        self._server = ThreadingHTTPServer(
            (host, port), _handler({"/v1/health": health, "/metrics": metrics})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> "StatusServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(
    pages: dict[str, Callable[[], tuple[int, str, bytes]]],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            code, kind, content = (
                page() if page else (404, JSON, b'{"allowed":["/v1/health","/metrics"]}')
            )
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing of each look."""

    return Handler
