"""The triage of slither's findings, as far as it can be checked without slither."""

from collections import Counter

import pytest

from scripts.analysis import proofs
from scripts.analysis import triage as module
from scripts.analysis.triage import Finding, Group, complaints, merged, render, sources, triage
from scripts.storage_layout import ROOT

FOUND = Finding("timestamp", "contracts/Vault.sol", "Vault._due", "12345678", "Low", 344)
EXPLAINED = Group("timestamp", "intended", "A window of days.", [FOUND.key])


def test_triage_committed_every_group_has_a_verdict_and_a_reason():
    groups = triage()
    assert groups
    for group in groups:
        assert group.verdict in module.VERDICTS, group
        assert group.reason.endswith("."), group
        assert group.places == sorted(group.places), group


def test_triage_committed_every_place_is_a_function_of_a_file():
    for group in triage():
        for place in group.places:
            path, _, member = place.partition(" ")
            source = (ROOT / path).read_text()
            for name in member.partition(" #")[0].split(".")[:2]:
                assert name in source or name.startswith("slither"), place


def test_triage_committed_no_place_stands_in_two_groups():
    places = Counter((group.detector, place) for group in triage() for place in group.places)
    reasons = {(group.detector, group.reason) for group in triage()}
    assert len(reasons) == len(triage())
    for (detector, place), count in places.items():
        holding = [g for g in triage() if g.detector == detector and place in g.places]
        assert len(holding) == 1, (detector, place, count)


def test_sources_analyzed_are_all_that_is_deployed():
    paths = {path for path in sources() if path.startswith("contracts/")}
    deployed = {
        path.relative_to(ROOT).as_posix()
        for folder in ("contracts", "contracts/provers")
        for path in (ROOT / folder).glob("*.sol")
    }
    assert deployed <= paths
    assert not [path for path in paths if "/lab/" in path or "/mocks/" in path]


def test_complaints_all_explained_none():
    assert complaints([FOUND], [EXPLAINED]) == []


def test_complaints_finding_not_listed_is_named_with_its_line():
    assert complaints([FOUND], []) == [
        "contracts/Vault.sol:344: timestamp (Low) at Vault._due: not explained"
    ]


def test_complaints_other_statements_in_the_same_place_are_not_explained():
    changed = Finding("timestamp", "contracts/Vault.sol", "Vault._due", "87654321", "Low", 344)
    assert complaints([changed], [EXPLAINED]) == [
        "contracts/Vault.sol:344: timestamp (Low) at Vault._due: not explained",
        "timestamp at contracts/Vault.sol Vault._due #12345678: listed, and gone (1)",
    ]


def test_complaints_second_finding_alike_is_one_too_many():
    assert complaints([FOUND, FOUND], [EXPLAINED]) == [
        "timestamp at contracts/Vault.sol Vault._due #12345678: 1 more than are listed"
    ]


def test_complaints_group_without_a_verdict_explains_nothing():
    assert len(complaints([FOUND], [Group("timestamp", "", "", [FOUND.key])])) == 1


def test_merged_keeps_reasons_drops_what_is_gone_and_leaves_new_ones_open():
    new = Finding("assembly", "contracts/Vault.sol", "Vault._pull", "", "Informational", 360)
    gone = Group("assembly", "intended", "Gone.", ["contracts/Vault.sol Vault.gone"])
    assert merged([FOUND, new], [EXPLAINED, gone]) == [
        Group("assembly", "", "", ["contracts/Vault.sol Vault._pull"]),
        EXPLAINED,
    ]


def test_triage_verdict_unknown_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "triage.toml"
    path.write_text(render([Group("timestamp", "ignored", "Why not.", ["x"])]))
    monkeypatch.setattr(module, "TRIAGE", path)
    with pytest.raises(ValueError, match="'ignored' is none of"):
        triage()


def test_faults_committed_each_has_a_proof_and_a_place():
    names = proofs.declared()
    for fault in proofs.faults():
        assert fault.found_by in names, fault.name
        assert not fault.complaint
        assert fault.old != fault.new, fault.name


def test_proofs_committed_each_has_a_fault_that_it_finds():
    assert proofs.declared().keys() == {fault.found_by for fault in proofs.faults()}


def test_outcome_halmos_says_only_what_was_shown_to_the_end_holds():
    shown = {"check": (0, 0), "": (1, 0), "time": (2, 0), "revert": (4, 0), "loops": (0, 3)}
    holding = [
        name
        for name, (code, loops) in shown.items()
        if not proofs.Outcome(name, code, loops, paths=1, seconds=0.1).complaint
    ]
    assert holding == ["check"]
