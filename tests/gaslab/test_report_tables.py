"""Figures of the documentation: filled from a snapshot, and as the committed one says."""

import pytest
from click.testing import CliRunner

from gaslab import snapshot
from gaslab.errors import InputError
from gaslab.report import tables
from gaslab.report.book import bind
from tests.gaslab.made_up import experiment, plain


@pytest.fixture
def experiments(tmp_path):
    return {"ring": experiment(tmp_path, "plain", "ring", title="A *ring*")}


@pytest.fixture
def rows():
    found = []
    for schedule, other in (("osaka", 60), ("amsterdam-draft", 140)):
        found += [plain("plain", 4, schedule, 100), plain("ring", 4, schedule, other)]
        found.append(plain("open", 1, schedule, 78_651, of="product"))
    return found


@pytest.fixture
def book(rows, experiments):
    return bind(rows, experiments, layouts=False)


def test_a_mark_is_filled_and_what_stood_there_goes(book):
    text = "Before\n<!-- gaslab:experiment ring -->\nold\n<!-- /gaslab -->\nAfter\n"
    assert tables.filled(text, book, "README.md") == (
        "Before\n"
        "<!-- gaslab:experiment ring -->\n"
        "\n"
        "| variant | N | osaka | amsterdam-draft |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| plain | 4 | 100 | 100 |\n"
        "| ring | 4 | 60 (−40 %) | 140 (+40 %) |\n"
        "\n"
        "<!-- /gaslab -->\n"
        "After\n"
    )


NAMES = {"flows": "open", "picture": "ring-bars"}


@pytest.mark.parametrize("kind", tables.KINDS)
def test_filling_twice_changes_nothing(book, kind):
    if kind in tables.NAMED:
        kind += " " + NAMES.get(kind, "ring")
    once = tables.filled(f"<!-- gaslab:{kind} -->\n<!-- /gaslab -->\n", book, "a.md")
    assert len(once.splitlines()) >= 4
    assert tables.filled(once, book, "a.md") == once


def test_headline_links_to_the_reference_and_marks_another_winner(book):
    text = tables.filled(
        "<!-- gaslab:headline -->\n<!-- /gaslab -->\n", book, "a.md", tables.Links("docs/x.md")
    )
    assert "| [A \\*ring\\*](docs/x.md#ring) | 4 | plain | ring | −40 % | **+40 %** plain |" in text


def test_product_tells_every_flow_under_every_schedule(book):
    text = tables.filled("<!-- gaslab:product -->\n<!-- /gaslab -->\n", book, "a.md")
    assert "| open | 78,651 | 78,651 |  |" in text


def test_a_mark_in_a_fenced_block_is_text(book):
    text = "```\n<!-- gaslab:experiment nobody -->\n```\n"
    assert tables.filled(text, book, "a.md") == text


@pytest.mark.parametrize(
    ("text", "where", "found", "allowed"),
    [
        ("\n<!-- gaslab:poem -->\n<!-- /gaslab -->", "a.md:2", "poem", "one of headline"),
        ("<!-- gaslab:experiment -->\n<!-- /gaslab -->", "a.md:1", "no name", "a name"),
        ("<!-- gaslab:macro ring -->\n<!-- /gaslab -->", "a.md:1", "ring", "none"),
        (
            "<!-- gaslab:experiment nobody -->\n<!-- /gaslab -->",
            "a.md:1",
            "nobody",
            "the id of an experiment",
        ),
        ("<!-- gaslab:picture x -->\n<!-- /gaslab -->", "a.md:1", "x", "one of ring-bars"),
        ("<!-- gaslab:headline a,b -->\n<!-- /gaslab -->", "a.md:1", "a", "one of ring"),
        ("<!-- gaslab:macro -->\n", "a.md:1", "a mark without an end", "<!-- /gaslab -->"),
        (
            "<!-- gaslab:macro -->\n<!-- gaslab:product -->\n<!-- /gaslab -->",
            "a.md:1",
            "a mark without an end",
            "<!-- /gaslab -->",
        ),
    ],
)
def test_a_wrong_mark_names_file_line_and_what_is_allowed(book, text, where, found, allowed):
    with pytest.raises(InputError) as caught:
        tables.filled(text, book, "a.md")
    assert (caught.value.field, caught.value.found) == (where, found)
    assert caught.value.allowed.startswith(allowed)


@pytest.fixture
def project(tmp_path, rows):
    root = tmp_path / "project"
    (root / "docs" / "how-to").mkdir(parents=True)
    (root / "README.md").write_text("<!-- gaslab:product -->\n<!-- /gaslab -->\n")
    (root / "docs" / "how-to" / "a.md").write_text("<!-- gaslab:headline -->\n<!-- /gaslab -->\n")
    (root / "docs" / "plain.md").write_text("no mark\n")
    # The command takes the catalogue, which has none of the made-up experiments.
    snapshot.write(root / "gaslab.snap", [row for row in rows if row.experiment == "product"])
    return root


def test_stale_places_are_told_and_links_go_from_where_the_file_is(project, experiments, rows):
    snapshot.write(project / "gaslab.snap", rows)
    found = tables.stale(project, project / "gaslab.snap", experiments)
    assert [path.relative_to(project).as_posix() for path in found] == [
        "README.md",
        "docs/how-to/a.md",
    ]
    assert "(../reference/gas.md#ring)" in found[project / "docs" / "how-to" / "a.md"]


def test_a_picture_that_is_shown_is_drawn_beside_the_documentation(project, experiments, rows):
    snapshot.write(project / "gaslab.snap", rows)
    (project / "docs" / "plain.md").write_text(
        "<!-- gaslab:picture ring-bars -->\n<!-- /gaslab -->\n"
    )
    found = tables.stale(project, project / "gaslab.snap", experiments)
    assert "](images/gas/ring-bars.svg)" in found[project / "docs" / "plain.md"]
    picture = project / tables.IMAGES / "ring-bars.svg"
    assert found[picture].startswith("<svg")
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert tables.stale(project, project / "gaslab.snap", experiments) == {}
    picture.write_text("<svg/>")
    assert list(tables.stale(project, project / "gaslab.snap", experiments)) == [picture]


def test_command_checks_writes_and_is_then_content(project):
    options = ["--root", str(project), "--snapshot", str(project / "gaslab.snap")]
    run = CliRunner().invoke
    before = run(tables.main, ["--check", *options])
    assert (before.exit_code, "README.md: stale" in before.output) == (1, True)
    written = run(tables.main, ["--write", *options])
    assert (written.exit_code, "README.md: written" in written.output) == (0, True)
    after = run(tables.main, ["--check", *options])
    assert (after.exit_code, after.output) == (0, "")


def test_every_figure_of_the_documentation_is_the_committed_one():
    assert list(tables.places(tables.ROOT)), "no file of the documentation has a marked place"
    stale = [path.relative_to(tables.ROOT).as_posix() for path in tables.stale()]
    assert stale == [], "run `make gas-update`"
