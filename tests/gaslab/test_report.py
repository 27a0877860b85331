"""The report's forms, from made-up rows: what they hold, and that they are sound."""

import base64
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import jsonschema
import pytest

from gaslab.components import GROUPS, Component
from gaslab.errors import InputError
from gaslab.report import markdown, write
from gaslab.report.bars import Bar, bars, groups_of
from gaslab.report.book import bind
from gaslab.report.curves import Crossing, Line, curves
from gaslab.report.definitions import COMPONENTS, FIGURES
from gaslab.report.document import SCHEMA, document
from gaslab.report.figures import heat_table, shade
from gaslab.report.highlight import solidity
from gaslab.report.layout import blocks_of
from gaslab.report.page import page, plot_style
from gaslab.report.slots import slots
from gaslab.report.svg import standalone
from gaslab.snapshot import FIGURES as SNAPSHOT_FIGURES
from gaslab.snapshot import read
from gaslab.verdicts import Kind
from tests.gaslab.made_up import ALL, experiment, plain, row

GAS = {"cancun": (900, 500), "prague": (900, 500), "osaka": (900, 500), "amsterdam-draft": (1, 2)}


@pytest.fixture
def experiments(tmp_path):
    differs = {"root": "Keeps a root."}
    ring = experiment(
        tmp_path, "plain", "ring", "root", differs=differs, title="A <b>ring</b> & co"
    )
    macro = experiment(tmp_path, "naive", "packed", id="macro", sizes=(1, 10))
    return {ring.id: ring, macro.id: macro}


@pytest.fixture
def rows():
    found = []
    for schedule, (base, other) in GAS.items():
        for size in (1, 4, 16):
            parts = {
                Component.INTRINSIC: 21_000,
                Component.SSTORE_CREATE: base * size,
                Component.REFUND: -40,
            }
            found.append(row("plain", size, schedule, parts, refund_counted=50, slots_created=size))
            parts = parts | {Component.SSTORE_CREATE: other * size, Component.FLOOR: 10}
            found.append(row("ring", size, schedule, parts, slots_created=1, floor=21_000))
            found.append(plain("root", size, schedule, 21_000))
        for size in (1, 10):
            found.append(plain("naive", size, schedule, 1_000 * size, of="macro"))
            found.append(plain("packed", size, schedule, 600 * size + 500, of="macro"))
        found.append(plain("open", 1, schedule, 78_000, of="product"))
        found.append(plain("commit", 3_000, schedule, 2_733_220, of="product"))
    return found


@pytest.fixture
def book(rows, experiments):
    return bind(rows, experiments, layouts=False)


# --- the book -------------------------------------------------------------------------------------


def test_book_focuses_on_the_newest_schedule_that_is_no_draft(book):
    assert [note.name for note in book.schedules] == list(ALL)
    assert book.focus == "osaka"
    assert [note.name for note in book.schedules if note.draft] == ["amsterdam-draft"]


def test_book_parts_the_macro_experiment_and_the_product(book):
    assert [chapter.id for chapter in book.chapters] == ["ring"]
    assert [chapter.id for chapter in book.macro] == ["macro"]
    assert [(flow.name, flow.size) for flow in book.flows] == [("open", 1), ("commit", 3_000)]


@pytest.mark.parametrize(
    ("made", "found", "allowed"),
    [
        ({"of": "strange"}, "strange", "an experiment that there is"),
        ({"of": "ring"}, "other", "one of plain, ring, root"),
    ],
)
def test_book_with_a_row_of_nobody_says_what_is_allowed(experiments, made, found, allowed):
    with pytest.raises(InputError) as caught:
        bind([plain("other", 1, "osaka", 1, **made)], experiments)
    assert (caught.value.found, caught.value.allowed) == (found, allowed)


def test_composed_transactions_are_not_counted_as_measured(experiments):
    rows = [plain("plain", 1, "osaka", 1, transactions=10, composed=7)]
    assert bind(rows, experiments, layouts=False).transactions == 3


def test_findings_name_the_winner_alone_and_never_a_variant_that_differs(book):
    (saves,) = [one for one in book.findings if one.kind is Kind.SAVES]
    assert [(one.experiment, one.variant) for one in saves.verdicts] == [
        ("macro", "packed"),
        ("ring", "ring"),
    ]


# --- JSON -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text())


def test_json_is_valid_under_its_schema(book, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document(book))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.pop("focus"),
        lambda told: told.update(more=1),
        lambda told: told["experiments"][0]["cases"][0].update(gas="1"),
        lambda told: told["experiments"][0]["cases"][0]["components"].update(unknown=1),
        lambda told: told["experiments"][0]["verdicts"][0].update(kind="praise"),
    ],
)
def test_json_that_is_spoiled_is_refused_by_the_schema(book, schema, spoil):
    told = document(book)
    spoil(told)
    assert not jsonschema.Draft202012Validator(schema).is_valid(told)


def test_schema_names_every_component_group_figure_and_verdict(schema):
    names = schema["$defs"]
    assert names["component"]["enum"] == [str(part) for part in Component]
    assert names["group"]["enum"] == list(GROUPS)
    assert set(names["figure"]["enum"]) == set(SNAPSHOT_FIGURES) - {"gas"}
    assert names["verdict"]["properties"]["kind"]["enum"] == [str(kind) for kind in Kind]


def test_json_components_of_every_case_sum_to_its_gas(book):
    told = document(book)
    cases = [case for one in told["experiments"] for case in one["cases"]] + told["product"]
    assert len(cases) == len(book.rows)
    assert all(sum(case["components"].values()) == case["gas"] for case in cases)


def test_every_component_and_figure_is_defined():
    assert list(COMPONENTS) == list(Component)
    assert set(FIGURES) == set(SNAPSHOT_FIGURES) - {"gas"}


# --- HTML -----------------------------------------------------------------------------------------

VOID = {"meta", "input", "br", "link"}


class Reader(HTMLParser):
    """Tags in balance; attributes and texts of interest."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.attributes = [], [], [], []
        self.style = self.script = ""

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if "id" in found:
            self.ids.append(found["id"])
        if (found.get("href") or "").startswith("#"):
            self.links.append(found["href"][1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> does not close what is open"

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        if self.open and self.open[-1] == "script":
            self.script += data


@pytest.fixture
def html(book):
    return page(book)


@pytest.fixture
def reader(html):
    found = Reader()
    found.feed(html)
    assert not found.open
    return found


def test_page_twice_from_the_same_rows_is_the_same_bytes(rows, experiments, html):
    again = page(bind(list(rows), dict(experiments), layouts=False))
    assert again == html


def test_page_fetches_nothing(reader):
    assert not [one for one in reader.attributes if one[1] in ("src", "srcset", "data", "action")]
    links = [value for _, name, value in reader.attributes if name in ("href", "xlink:href")]
    assert links
    assert all(value.startswith("#") for value in links)
    assert "url(" not in reader.style
    assert "@import" not in reader.style
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", reader.script)


def test_page_keeps_its_own_content_security_policy(html, reader):
    policy = next(
        value
        for tag, name, value in reader.attributes
        if tag == "meta" and name == "content" and value.startswith("default-src")
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind, text in (("style", reader.style), ("script", reader.script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert html.count("<style") == html.count("<script") == 1
    inline = [one for one in reader.attributes if one[1] == "style" or one[1].startswith("on")]
    assert inline == []


def test_page_links_and_ids_fit(reader):
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.links) <= set(reader.ids)


def test_page_escapes_what_it_is_told(html):
    assert "What does a price cost &amp; where does it go?" in html
    assert "A &lt;b&gt;ring&lt;/b&gt; &amp; co" in html
    assert "<b>ring</b> &" not in html
    assert "&lt;a reader" in html
    assert "<a reader" not in html


def test_page_has_a_table_beside_every_picture_and_a_name_for_it(reader):
    pictures = [one for one in reader.attributes if one == ("svg", "role", "img")]
    names = [
        value for tag, name, value in reader.attributes if (tag, name) == ("svg", "aria-label")
    ]
    tables = [one for one in reader.attributes if one == ("table", "class", "exact")]
    assert len(names) == len(pictures) > 0
    assert all(names)
    assert len(tables) >= len(ALL)


def test_page_switch_has_every_schedule_and_starts_at_the_focus(reader):
    values = [value for tag, name, value in reader.attributes if (tag, name) == ("input", "value")]
    assert values == list(ALL)
    checked = reader.attributes.index(("input", "checked", None))
    assert reader.attributes[checked - 1] == ("input", "value", "osaka")
    for name in ALL:
        assert f"body:has(#at-{name}:checked) .on:not(.on-{name})" in reader.style


def test_page_without_any_row_is_still_a_page(experiments):
    assert "<h1>The gas lab</h1>" in page(bind([], experiments))


def test_page_tells_which_engine_agreed_on_how_much(rows, experiments, tmp_path):
    path = tmp_path / "agreement.json"
    one = {
        "engine": "other",
        "version": "1.0",
        "schedule": "osaka",
        "compared": {"catalogue": 2_000, "random": 1_000},
        "agreeing": 2_999,
        "total": 3_000,
    }
    path.write_text(json.dumps({"snapshot": "x", "rows": [one]}))
    book = bind(rows, experiments, agreement=path, layouts=False)
    cells = "<td>other 1.0</td><td>2,000</td><td>1,000</td><td>2,999</td><td>3,000</td>"
    assert cells in page(book)
    assert "| osaka | other 1.0 | 2,000 | 1,000 | 2,999 | 3,000 |" in markdown.text(book)


def test_page_without_a_crosscheck_says_nothing_of_it(rows, experiments, tmp_path):
    book = bind(rows, experiments, agreement=tmp_path / "none.json", layouts=False)
    assert 'id="agreement"' not in page(book)


# --- the heat table -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("saving", "name"),
    [(75, "s5"), (74, "s4"), (50, "s4"), (25, "s3"), (10, "s2"), (2, "s1"), (1, "s0"), (0, "s0")],
)
def test_shade_changes_at_its_steps(saving, name):
    assert shade(saving, 100) == name
    assert shade(-saving, 100) == (name.replace("s", "c") if name != "s0" else "s0")


def test_heat_table_marks_the_schedule_with_another_winner(book):
    (ring, _) = heat_table(book)
    assert [cell.changed for cell in ring.cells] == [False, False, False, True]
    assert [cell.winner for cell in ring.cells] == ["ring", "ring", "ring", "plain"]


# --- pictures -------------------------------------------------------------------------------------


def rectangles(picture, name):
    """x and width of the pieces of a class, in percent."""
    root = ElementTree.fromstring(str(picture))
    return [
        (float(one.get("x")[:-1]), float(one.get("width")[:-1]))
        for one in root.iter("rect")
        if name in (one.get("class") or "").split()
    ]


def test_bars_are_to_scale_with_the_refund_below_zero_and_the_floor_on_top():
    parts = {
        Component.INTRINSIC: 600,
        Component.SSTORE_CREATE: 300,
        Component.FLOOR: 100,
        Component.REFUND: -250,
    }
    picture = bars([Bar("one", "", row("one", 1, "osaka", parts))], "gas")
    # from -250 to 1,000
    assert rectangles(picture, "g-refund") == [(0, 20)]
    assert rectangles(picture, "g-intrinsic") == [(20, 48)]
    assert rectangles(picture, "g-storage-writes") == [(68, 24)]
    assert rectangles(picture, "g-floor-top-up") == [(92, 8)]


def test_groups_of_a_row_sum_to_its_gas():
    parts = {part: 10 + index for index, part in enumerate(Component)} | {Component.REFUND: -7}
    one = row("one", 1, "osaka", parts)
    assert sum(groups_of(one).values()) == one.gas
    assert list(groups_of(one)) == list(GROUPS)


def test_a_short_bar_is_stretched_below_and_a_long_one_is_not():
    rows = [plain("long", 1, "osaka", 10_000), plain("short", 1, "osaka", 10)]
    picture = bars([Bar(one.variant, "", one) for one in rows], "gas")
    assert rectangles(picture, "g-intrinsic") == [(0, 100), (0, 0.1), (0, 100)]


def test_curves_ring_the_place_where_lines_cross():
    lines = [Line("plain", 0, [(1, 100), (100, 100)]), Line("ring", 1, [(1, 1000), (100, 10)])]
    picture = curves(lines, [Crossing("ring", 1, 100)], "gas", "item")
    root = ElementTree.fromstring(str(picture))
    (ring,) = [one for one in root.iter("circle") if one.get("class") == "crossing"]
    # On log scales the lines meet in the middle, at N = 10, where the baseline is level.
    ends = [one for one in root.iter("line") if one.get("class") == "curve v-0"]
    middle = (float(ends[0].get("x1")[:-1]) + float(ends[0].get("x2")[:-1])) / 2
    assert float(ring.get("cx")[:-1]) == pytest.approx(middle, abs=0.02)
    assert float(ring.get("cy")) == pytest.approx(float(ends[0].get("y1")), abs=0.02)


def test_names_of_lines_that_end_together_stand_apart():
    lines = [Line(f"line-{index}", index, [(1, 10), (9, 50 + index)]) for index in range(8)]
    root = ElementTree.fromstring(str(curves(lines, [], "gas", "item")))
    places = sorted(
        float(one.get("y")) for one in root.iter("text") if "line-name" in one.get("class")
    )
    assert len(places) == 8
    assert all(two - one >= 14.9 for one, two in itertools.pairwise(places))


def test_a_picture_of_its_own_is_sound_xml_with_its_style():
    picture = bars([Bar("a < b & c", "", plain("one", 1, "osaka", 5))], 'a "label"')
    text = standalone(
        picture, 760, plot_style(), "Title & more", [("piece g-calldata", "calldata")]
    )
    root = ElementTree.fromstring(text)
    assert root.get("width") == "760"
    assert "prefers-color-scheme:dark" in text
    assert next(one.text for one in root.iter("{http://www.w3.org/2000/svg}tspan")) == "a < b & c"


# --- slots ----------------------------------------------------------------------------------------

TYPES = {
    "address": {"encoding": "inplace", "label": "address", "numberOfBytes": "20"},
    "uint64": {"encoding": "inplace", "label": "uint64", "numberOfBytes": "8"},
    "bool": {"encoding": "inplace", "label": "bool", "numberOfBytes": "1"},
    "words": {
        "encoding": "inplace",
        "label": "uint256[3]",
        "numberOfBytes": "96",
        "base": "uint256",
    },
    "uint256": {"encoding": "inplace", "label": "uint256", "numberOfBytes": "32"},
    "position": {
        "encoding": "inplace",
        "label": "struct Ring.Position",
        "numberOfBytes": "64",
        "members": [
            {"label": "size", "offset": 0, "slot": "0", "type": "uint64"},
            {"label": "mark", "offset": 8, "slot": "0", "type": "uint64"},
            {"label": "margin", "offset": 0, "slot": "1", "type": "uint256"},
        ],
    },
    "map": {
        "encoding": "mapping",
        "label": "mapping(address => struct Ring.Position)",
        "numberOfBytes": "32",
        "key": "address",
        "value": "position",
    },
}
LAYOUT = {
    "storage": [
        {"label": "owner", "offset": 0, "slot": "0", "type": "address"},
        {"label": "live", "offset": 20, "slot": "0", "type": "bool"},
        {"label": "positions", "offset": 0, "slot": "1", "type": "map"},
        {"label": "prices", "offset": 0, "slot": "2", "type": "words"},
    ],
    "types": TYPES,
}


def test_layout_counts_slots_and_lost_bytes_of_contract_and_struct():
    ring, position = blocks_of("Ring", LAYOUT)
    assert (ring.title, ring.slots, ring.lost) == ("Ring", 5, 11)
    assert (position.title, position.note) == ("Position", "each positions[…]")
    assert (position.slots, position.lost) == (2, 16)
    assert [row.count for row in ring.rows] == [1, 1, 3]


def test_bytes_between_fields_are_lost_too():
    members = [
        {"label": "low", "offset": 0, "slot": "0", "type": "bool"},
        {"label": "high", "offset": 24, "slot": "0", "type": "uint64"},
    ]
    (block,) = blocks_of("Gap", {"storage": members, "types": TYPES})
    assert block.lost == 32 - 1 - 8


def test_layout_of_a_contract_without_state_is_nothing():
    assert blocks_of("Empty", {"storage": [], "types": None}) == []


def test_slots_are_drawn_from_the_low_end_at_the_right():
    ring, _ = blocks_of("Ring", LAYOUT)
    root = ElementTree.fromstring(str(slots(ring)))
    nested = [one for one in root.iter("svg") if one is not root]
    owner, live = ((float(one.get("x")[:-1]), float(one.get("width")[:-1])) for one in nested[:2])
    byte = 87 / 32
    assert owner == pytest.approx((100 - 20 * byte, 20 * byte), abs=0.01)
    assert live == pytest.approx((100 - 21 * byte, byte), abs=0.01)


# --- sources and files ----------------------------------------------------------------------------


def test_source_in_colors_is_the_source_escaped():
    source = 'contract A { /* <b> & */ string s = "</code>"; }\n'
    shown = str(solidity(source))
    text = re.sub(r"<[^>]+>", "", shown)
    assert (
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace("&amp;", "&")
        == source
    )
    assert '<span class="hk">contract ' in shown


def test_write_leaves_every_form_and_the_rows_come_back(tmp_path, rows, experiments):
    folder = tmp_path / "out"
    paths = write(rows, folder, experiments=experiments, layouts=False)
    names = {path.relative_to(folder).as_posix() for path in paths}
    assert names >= {
        "index.html",
        "report.json",
        "report.md",
        "gaslab.snap",
        "svg/ring-bars.svg",
        "svg/ring-curves.svg",
        "svg/product-bars.svg",
    }
    assert all(path.is_file() for path in paths)
    assert read(folder / "gaslab.snap") == {one.key: one for one in rows}
    for path in folder.glob("svg/*.svg"):
        ElementTree.fromstring(path.read_text())
