"""A pair of the user's own: what its file may say, and what is said of what it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gaslab.errors import CompileError, InputError, NotEquivalent, OverTheCap, Reverted
from gaslab.experiment import Settings, Technique
from gaslab.expressions import evaluate
from gaslab.pair import load_pair
from gaslab.run import Case, run_experiment
from gaslab.schedule import load_schedule
from gaslab.solc import ROOT

EXAMPLE = ROOT / "gaslab" / "examples" / "vaults.toml"
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

contract Counter {
    error TooMany(uint256 found, uint256 allowed);
    event Added(address indexed by, uint256 amount);

    uint256 internal _total;

    constructor(uint256 start) payable { _total = start; }

    function add(uint256 amount) external virtual returns (uint256) {
        require(amount <= 100, TooMany(amount, 100));
        _total += amount;
        emit Added(msg.sender, amount);
        return _total;
    }

    function addAll(uint256[] calldata amounts) external {
        for (uint256 i; i < amounts.length; ++i) _total += amounts[i];
    }

    function spin() external view { while (gasleft() > 0) {} }

    function poke() external {}

    function total() external view returns (uint256) { return _total; }
}

contract Again is Counter { constructor(uint256 start) Counter(start) {} }

contract Wrong is Counter {
    constructor(uint256 start) Counter(start) {}

    function add(uint256 amount) external override returns (uint256) {
        _total += amount + 1;
        emit Added(msg.sender, amount);
        return _total;
    }
}

contract Silent is Counter {
    constructor(uint256 start) Counter(start) {}

    function add(uint256 amount) external override returns (uint256) {
        return _total += amount;
    }
}

contract Registry {
    address public last;
    function note(address who) external { last = who; }
}
"""
PAIR = """
source = "Counter.sol"
unit = "addition"
sizes = [1, 3]

[variants.plain]
contract = "Counter"

[variants.again]
contract = "Again"

[deploy]
args = [7]

[[measure]]
call = "add"
args = ["$i + n"]
sender = "$accounts[i]"
repeat = "$n"

[[observe.views]]
call = "total"
"""

REGISTRY = """[[contracts]]
name = "registry"
contract = "Registry"

[[setup]]
call = "note"
at = "registry"
args = ["$self"]

"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A pair's file with texts replaced, beside its contracts."""

    def written(*changes: tuple[str, str], text: str = PAIR) -> Path:
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "Counter.sol").write_text(SOURCE)
        path = tmp_path / "counter.toml"
        path.write_text(text)
        return path

    return written


def run(path: Path, schedule: str = "prague") -> list[Case]:
    return run_experiment(load_pair(path).experiment, load_schedule(schedule), keep=True)


def test_load_pair_the_example_tells_a_whole_experiment() -> None:
    pair = load_pair(EXAMPLE)
    experiment = pair.experiment

    assert experiment.id == "vaults"
    assert [variant.name for variant in experiment.variants] == ["plain", "packed"]
    assert experiment.sizes == (1, 4, 16)
    assert experiment.settings == Settings()
    assert pair.schedules == ("cancun", "prague", "osaka", "amsterdam-draft")
    for field in ("title", "question", "unit"):
        assert f'{field} = "{getattr(experiment, field)}"' in EXAMPLE.read_text()


def test_run_the_example_packed_accounts_cost_one_slot_each() -> None:
    cases = {(case.variant, case.size): case for case in run(EXAMPLE)}

    plain, packed = cases["plain", 16].figures, cases["packed", 16].figures
    assert (plain["slots_created"], packed["slots_created"]) == (20, 5)  # five accounts are new
    assert plain["components"]["sstore-create"] == 4 * packed["components"]["sstore-create"]
    assert packed["gas"] < plain["gas"]


def test_run_expressions_reach_the_chain_as_arguments_senders_and_turns(write: Write) -> None:
    path = write(
        (
            "[[measure]]",
            '[[setup]]\ncall = "addAll"\nargs = ["$[k * k for k in range(n)]"]\n\n[[measure]]',
        )
    )
    last = run(path)[-1]

    assert (last.variant, last.size) == ("again", 3)
    assert [one.label for one in last.measurements] == ["add"] * 3
    outputs = [int.from_bytes(one.output, "big") for one in last.measurements]
    assert outputs == [7 + 0 + 1 + 4 + 3, 7 + 5 + 3 + 4, 7 + 5 + 3 + 4 + 5]
    senders = [one.logs[0].topics[1] for one in last.measurements]
    assert len(set(senders)) == 3


def test_run_contracts_besides_the_variants_are_deployed_and_named(write: Write) -> None:
    path = write(
        (
            "[deploy]",
            REGISTRY + "[deploy]",
        ),
        (
            "[[observe.views]]",
            '[[observe.views]]\ncall = "last"\nat = "registry"\n\n[[observe.views]]',
        ),
    )

    assert len(run(path)) == 4


def test_run_settings_of_a_variant_are_its_own(write: Write) -> None:
    path = write(
        ('contract = "Again"', 'contract = "Counter"\nvia_ir = false'),
        ("[deploy]", "[settings]\nruns = 1\n\n[deploy]"),
    )
    experiment = load_pair(path).experiment
    plain, legacy = (experiment.settings_of(variant) for variant in experiment.variants)
    cases = run(path)

    assert (plain, legacy) == (Settings(runs=1), Settings(via_ir=False, runs=1))
    assert cases[0].code_bytes != cases[2].code_bytes


def test_run_driver_of_a_python_file_takes_the_place_of_steps(write: Write, tmp_path: Path) -> None:
    (tmp_path / "drive.py").write_text(
        "def twice(bench, n):\n"
        "    bench.deploy(1)\n"
        "    for _ in range(2 * n):\n"
        "        bench.measure('add', 2)\n"
        "    bench.observe('total', bench.read('total'))\n"
    )
    text = PAIR[: PAIR.index("[deploy]")]
    path = write(("sizes", 'driver = "drive.py:twice"\nsizes'), text=text)

    assert [len(case.measurements) for case in run(path)] == [2, 6, 2, 6]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('source = "Counter.sol"', ""), r"counter\.toml: source: found nothing, allowed a value"),
        (("Counter.sol", "None.sol"), r"source: found None\.sol, allowed a file that exists, rel"),
        (("sizes = [1, 3]", "sizes = [3, 1]"), r"sizes: found \[3, 1\], allowed ascending numbers"),
        (("sizes = [1, 3]", 'sizes = [1, "3"]'), r"sizes\[1\]: found 3, allowed a whole number"),
        (("sizes = [1, 3]", "sizes = []"), r"sizes: found \[\], allowed ascending"),
        (("sizes = [1, 3]", "sizes = 3"), r"sizes: found 3, allowed a list"),
        (("unit =", "unti ="), r"counter\.toml: unti: found unti, allowed one of source"),
        (("[variants.again]", "[variants.Again]"), r"variants\.Again: found Again, allowed lower"),
        (
            ('[variants.again]\ncontract = "Again"', ""),
            r"variants: found \['plain'\], allowed a ba",
        ),
        (
            ('"Again"', '"Again"\nrun = 3'),
            r"variants\.again\.run: found run, allowed one of .*runs",
        ),
        (('"Again"', '"Again"\nvia_ir = "no"'), r"variants\.again\.via_ir: found no, allowed true"),
        (
            ('"Again"', '"Again"\nevm_version = "rome"'),
            r"again\.evm_version: found rome, allowed one",
        ),
        (("[[measure]]", "[measure]"), r"measure: found .*, allowed tables: \[\[measure\]\]"),
        (('call = "add"', ""), r"measure\[0\]\.call: found nothing"),
        (('call = "add"', "call = 3"), r"measure\[0\]\.call: found 3, allowed a text"),
        (
            ('call = "add"', 'call = "add"\nat = "bank"'),
            r"measure\[0\]\.at: found bank, allowed one",
        ),
        (('call = "total"', 'call = "total"\nfrom = 1'), r"observe\.views\[0\]\.from: found from"),
        (("unit =", "schedules = 3\nunit ="), r"schedules: found 3, allowed a list"),
        (
            ("unit =", 'techniques = ["luck"]\nunit ='),
            r"techniques\[0\]: found luck, allowed one of ring",
        ),
        (("unit =", 'driver = "a.py:f"\nunit ='), r"deploy: found driver as well, allowed one of"),
    ],
)
def test_load_pair_wrong_field_is_named_with_what_is_allowed(
    write: Write, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_pair(write(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('"$i + n"', '"$i + m"'),
            r"measure\[0\]\.args\[0\]: found \$i \+ m.*no m here, but: accou",
        ),
        (
            ('"$i + n"', '"$open(1)"'),
            r"measure\[0\]\.args\[0\]: found \$open\(1\), allowed whole num",
        ),
        (
            ('"$i + n"', '"$1 // 0"'),
            r"args\[0\]: found \$1 // 0, allowed what can be computed: int",
        ),
        (('"$i + n"', '"$i +"'), r"measure\[0\]\.args\[0\]: found \$i \+, allowed whole numbers"),
        (
            ('"$i + n"', '"five"'),
            r"measure\[0\] \(Counter\.add\(uint256\)\): found \('five',\), allo",
        ),
        (
            ('"$i + n"', ""),
            r"measure\[0\] \(Counter\.add\(uint256\)\): found 0 arguments, allowed \(uin",
        ),
        (
            ('call = "add"', 'call = "ad"'),
            r"measure\[0\] \(Counter\.ad\): found ad, allowed one of",
        ),
        (('"$accounts[i]"', "77"), r"measure\[0\] \(sender\): found 77, allowed one of the 10"),
        (('repeat = "$n"', "repeat = -1"), r"measure\[0\]\.repeat: found -1, allowed 0 to 100000"),
        (
            ("args = [7]", ""),
            r"deploy \(Counter\.constructor\): found 0 arguments, allowed \(uint256",
        ),
        (
            ('"Again"', '"Nobody"'),
            r"counter\.toml: variants\.again\.contract: found Nobody, allowed on",
        ),
    ],
)
def test_run_what_cannot_be_called_is_named_where_the_file_says_it(
    write: Write, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(write(change))


def test_run_other_results_say_what_differs(write: Write) -> None:
    path = write(('"Again"', '"Wrong"'))

    with pytest.raises(
        NotEquivalent, match=r"counter/again: outputs of add is \[9\], the baseline's is \[8\]"
    ):
        run(path)


def test_run_missing_logs_are_a_difference_unless_told(write: Write) -> None:
    silent = ('"Again"', '"Silent"')

    with pytest.raises(NotEquivalent, match=r"counter/again: logs of self is \[\], the baseline's"):
        run(write(silent))
    assert run(write(silent, ("[[observe.views]]", "[observe]\nlogs = false\n\n[[observe.views]]")))


def test_run_only_the_view_differs_is_seen(write: Write) -> None:
    """What the measured calls return is not observed here: the state alone tells."""
    path = write(
        ('"Again"', '"Wrong"'),
        ("[[observe.views]]", "[observe]\noutputs = false\n\n[[observe.views]]"),
    )

    with pytest.raises(NotEquivalent, match="total is 9, the baseline's is 8"):
        run(path)


def test_run_exempt_observation_may_differ_if_it_is_said(write: Write) -> None:
    told = '"Wrong"\ndiffers = "adds one more"\nexempt = ["total", "outputs of add"]'

    assert len(run(write(('"Again"', told)))) == 4


def test_run_nothing_observed_is_refused(write: Write) -> None:
    path = write(
        ('call = "add"', 'call = "poke"'),
        ('args = ["$i + n"]\n', ""),
        ('[[observe.views]]\ncall = "total"\n', ""),
    )

    with pytest.raises(NotEquivalent, match="nothing is observed that could differ"):
        run(path)


def test_run_revert_is_decoded_by_the_contracts_own_errors(write: Write) -> None:
    with pytest.raises(Reverted, match=r"counter/plain/add under prague: TooMany\(101, 100\)"):
        run(write(('"$i + n"', "101")))


def test_run_constructor_that_reverts_is_told(write: Write) -> None:
    """`Again` takes no ether; `Counter` does."""
    with pytest.raises(Reverted, match="deploy Again under prague: Revert"):
        run(write(("args = [7]", "args = [7]\nvalue = 1")))


@pytest.mark.parametrize(("schedule", "most"), [("osaka", "16777216"), ("prague", "[0-9]+")])
def test_run_endless_call_is_over_the_cap(write: Write, schedule: str, most: str) -> None:
    path = write(('call = "add"', 'call = "spin"'), ('args = ["$i + n"]\n', ""))

    with pytest.raises(
        OverTheCap, match=rf"counter/plain/spin under {schedule}: needs .* {most} gas"
    ):
        run(path, schedule)


def test_run_source_that_does_not_compile_is_the_compilers_word(
    write: Write, tmp_path: Path
) -> None:
    path = write()
    (tmp_path / "Counter.sol").write_text(SOURCE.replace("++i", "++j"))

    with pytest.raises(CompileError, match=r"(?s)Undeclared identifier.*Counter\.sol:20"):
        run(path)


@pytest.mark.parametrize(
    ("text", "body", "message"),
    [
        ("drive.py", "", r"driver: found drive\.py, allowed file\.py:function"),
        ("none.py:f", "", r"driver: found none\.py, allowed a file that exists"),
        (
            "drive.py:g",
            "def f(bench, n): pass\n",
            r"driver: found g, allowed a function of drive\.py",
        ),
        ("drive.py:f", "import nowhere\n", r"driver: found ModuleNotFoundError.*a file that loads"),
    ],
)
def test_load_pair_driver_that_is_none_is_named(
    write: Write, tmp_path: Path, text: str, body: str, message: str
) -> None:
    (tmp_path / "drive.py").write_text(body)
    path = write(("sizes", f'driver = "{text}"\nsizes'), text=PAIR[: PAIR.index("[deploy]")])

    with pytest.raises(InputError, match=message):
        load_pair(path)


def test_load_pair_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("sizes = [1,\n[x\n")

    with pytest.raises(InputError, match=r"bad\.toml: found .*line 2.*allowed TOML"):
        load_pair(path)
    with pytest.raises(InputError, match="a TOML file that exists"):
        load_pair(tmp_path / "none.toml")


def test_load_pair_words_and_techniques_are_kept(write: Write) -> None:
    said = (
        'techniques = ["batching"]\nclaim = "It pays."\nschedules = ["osaka", "mine.toml"]\nunit ='
    )
    pair = load_pair(write(("unit =", said)))

    assert pair.experiment.techniques == (Technique.BATCHING,)
    assert pair.experiment.claim == "It pays."
    assert pair.schedules[0] == "osaka"
    assert Path(pair.schedules[1]).is_absolute()  # beside the pair's file


# --- expressions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$n", 5),
        ("$ n * 2 - -1", 11),
        ("$2**8 % 7 << 1 | 1 ^ 0 & 3", (2**8 % 7 << 1) | 1),
        ("$~n", -6),
        ("$[k // 2 for k in range(1, n)]", [0, 1, 1, 2]),
        ("$[[k, i] for k in range(2)]", [[0, 3], [1, 3]]),
        ("$[0] * 3 + [n]", [0, 0, 0, 5]),
        ("$range(3)", [0, 1, 2]),
        ("$accounts[i - 1]", b"\x02"),
        ("$min(n, i) + max(n, i) + sum([1, 2]) + len(accounts)", 5 + 3 + 3 + 3),
        ("0xc0ffee", b"\xc0\xff\xee"),
        ("0xabc", "0xabc"),
        ("$$n", "$n"),
        ("n", "n"),
        (True, True),
        ({"a": "$n"}, {"a": 5}),
    ],
)
def test_evaluate_small_language_gives_values(text: Any, value: Any) -> None:
    names = {"n": 5, "i": 3, "accounts": [b"\x00", b"\x01", b"\x02"]}

    assert evaluate(text, names, "field") == value


@pytest.mark.parametrize(
    "text",
    [
        "$__import__('os')",
        "$n.real",
        "$(lambda: 1)()",
        "$[k for k in range(9) if k]",
        "$[k for k in n]",
        "$2**100000",
        "$1 << 10**9",
        "$2 ** -1",
        "$[0] * 10**9",
        "$range(10**9)",
        "$len([j for j in range(10**7)])",
        "$1 / 2",
        "$1.5",
        "$accounts[7]",
        "$'a' + 1",
        "$open",
        "$range(1, key=2)",
        "$" + "(" * 500 + "1" + ")" * 500,
    ],
)
def test_evaluate_everything_else_is_refused_by_field(text: str) -> None:
    with pytest.raises(InputError, match=r"^some\.field: "):
        evaluate(text, {"n": 5, "accounts": []}, "some.field")
