"""The page that a run leaves: one file, nothing fetched, light and dark."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import jinja2

from demo import charts
from demo.results import Results
from demo.steps import Style

# Gas of a fill in a full batch of 100 chunks: the calldata floor (EIP-7623) and nothing else. A
# test compares it with the gas snapshots.
CALLDATA_FLOOR_PER_FILL: Final = 911

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write(results: Results, path: Path, duration: int) -> Path:
    """Write the report of a run; ``duration`` is the flow's, milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(results, duration), encoding="utf-8")
    return path


def render(results: Results, duration: int) -> str:
    """The page as text."""
    template = _TEMPLATES.get_template("report.html")
    moments: dict[str, list[int]] = {}
    for picture in results.pictures:
        moments.setdefault(picture.symbol, []).append(picture.at)
    traders = results.accounts
    most = max((abs(row.premiums - row.fees + row.settled) for row in traders), default=0)
    secured = sum(max(row.worst, 0) for row in traders)
    unclaimed = sum(row.exited - row.claimed for row in traders)
    kept = (
        ("let out, not fetched", unclaimed, "waiting"),
        ("theirs whatever prices do", secured, "free"),
        ("locked for open positions", results.vault - unclaimed - secured, "locked"),
    )
    return template.render(
        run=results,
        fills=results.fills,
        kept=kept,
        tapes={tape.symbol: tape for tape in results.tapes},
        moments=moments,
        gas_chart=_safe(charts.gas_per_fill(results.batches, CALLDATA_FLOOR_PER_FILL)),
        money_chart=_safe(charts.money(results.deposited, results.claimed, kept)),
        depth=lambda picture: _safe(charts.depth(picture)),
        trades=lambda tape, wide: _safe(
            charts.trades(tape, duration, moments.get(tape.symbol, []), 920 if wide else 450)
        ),
        floor=CALLDATA_FLOOR_PER_FILL,
        bar=lambda row: _safe(charts.result_bar(row, most)),
        dollars=charts.dollars,
        short=charts.short_dollars,
        clock=charts.clock,
        style=lambda row: "fees" if row.account == 0 else Style(row.style).name.lower(),
        time=utc,
        hexed=lambda raw: "0x" + raw.hex(),
    )


def utc(seconds: int) -> str:
    """``2027-03-26 08:00:00 UTC``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _safe(svg: str) -> str:
    """Markup that `demo.charts` made; every text in it was escaped there."""
    from markupsafe import Markup

    return Markup(svg)
