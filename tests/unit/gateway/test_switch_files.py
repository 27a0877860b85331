"""Whose a dead man's switch is, when gateways come and go."""

from pathlib import Path

from matcher.gateway.switch_files import Kept, SwitchFiles, hand_over
from matcher.types import CancelAllTerms


def kept(gateway: str, account: int) -> Kept:
    return Kept(gateway, CancelAllTerms(account, "", 100), b"\1" * 65, b"\2" * 20, 30)


def test_switches_of_gateways_that_are_no_more_go_to_the_first(tmp_path: Path) -> None:
    mine = {name: SwitchFiles(tmp_path, name) for name in ("gateway-1", "gateway-2", "gateway-3")}
    for account, (name, files) in enumerate(mine.items(), 2):
        files.write(kept(name, account))
    assert hand_over(tmp_path, ["gateway-1", "gateway-2"]) == 1
    assert list(mine["gateway-1"]) == [kept("gateway-1", 2), kept("gateway-1", 4)]
    assert list(mine["gateway-2"]) == [kept("gateway-2", 3)]
    assert list(mine["gateway-3"]) == []
    assert hand_over(tmp_path, ["gateway-1", "gateway-2"]) == 0
    assert hand_over(tmp_path, ["gateway"]) == 3
    assert len(list(SwitchFiles(tmp_path, "gateway"))) == 3


def test_directory_that_is_not_there_holds_no_switches(tmp_path: Path) -> None:
    assert hand_over(tmp_path / "none", ["gateway"]) == 0
