"""Deployment, ownership, operators and bonds (sections 6 and 7)."""

import pytest
from web3 import Web3

from matcher.reference.messages import domain_separator
from matcher.types import Windows
from tests.support.chain import CHAIN_ID, ETHER, Chain, Reverted, reverts
from tests.support.exchange import WINDOWS, Roles
from tests.support.registry import MIN_BOND, REWARD_CAP, VAULT, Registry, balance

ZERO = "0x" + "00" * 20
BOND = 3 * ETHER
MAX = (1 << 40) - 1


def windows_tuple(windows: Windows) -> tuple[int, ...]:
    return tuple(getattr(windows, name) for name in windows.__struct_fields__)


# --- deployment -----------------------------------------------------------------------------------


def test_deployment_keeps_what_it_was_given(registry: Registry, roles: Roles) -> None:
    expected = {
        "owner": roles.owner.address,
        "vault": VAULT.address,
        "transitionProver": registry.decree,
        "marginProver": registry.decree,
        "unauthorizedProver": registry.decree,
        "challengeWindow": WINDOWS.challenge,
        "answerWindow": WINDOWS.answer,
        "freezeWindow": WINDOWS.freeze,
        "noticePeriod": WINDOWS.notice,
        "lag": WINDOWS.lag,
        "finalAfter": WINDOWS.challenge + 2 * WINDOWS.answer,
        "minBond": MIN_BOND,
        "rewardCap": REWARD_CAP,
    }
    assert {name: registry.ask(name) for name in expected} == expected


@pytest.mark.parametrize("name", Windows.__struct_fields__)
def test_deployment_with_a_window_of_nothing_is_refused(
    fresh_chain: Chain, roles: Roles, name: str
) -> None:
    fields = {field: getattr(WINDOWS, field) for field in Windows.__struct_fields__}
    windows = Windows(**{**fields, name: 0})
    with reverts("WindowsInvalid", windows_tuple(windows)):
        Registry(fresh_chain, roles, windows=windows)


def test_deployment_with_windows_longer_than_time_is_refused(
    fresh_chain: Chain, roles: Roles
) -> None:
    for challenge, answer in ((0, 1), (MAX, 1), (1, MAX)):
        since_ever = fresh_chain.now - 2 * answer  # W + 2A reach back to time 0 exactly
        windows = Windows(challenge or since_ever, answer, freeze=1, notice=1, lag=1)
        with reverts("WindowsInvalid", windows_tuple(windows)):
            Registry(fresh_chain, roles, windows=windows)
    longest = Windows(fresh_chain.now - 3, 1, freeze=1, notice=1, lag=1)
    assert Registry(fresh_chain, roles, windows=longest).genesis.time == 1


def test_deployment_without_a_vault_is_refused(fresh_chain: Chain, roles: Roles) -> None:
    with reverts("ZeroAddress"):
        fresh_chain.deploy(
            roles.owner, "BatchRegistry", roles.owner.address, ZERO, (ZERO,) * 3,
            windows_tuple(WINDOWS), 1, 1,
        )  # fmt: skip


def test_domain_is_that_of_every_message(registry: Registry) -> None:
    address = bytes.fromhex(registry.address[2:])
    assert registry.ask("domainSeparator") == domain_separator(CHAIN_ID, address)
    assert registry.ask("eip712Domain") == (
        b"\x0f",
        "Quoin",
        "1",
        CHAIN_ID,
        registry.address,
        bytes(32),
        (),
    )


# --- the owner ------------------------------------------------------------------------------------


def test_owner_functions_refuse_everybody_else(registry: Registry, roles: Roles) -> None:
    calls = (
        ("addOperator", roles.outsider.address),
        ("setOperator", 0),
        ("setPaused", True),
        ("renounceOwnership",),
    )
    for stranger in (roles.operator, roles.outsider):
        for name, *args in calls:
            with reverts("OwnableUnauthorizedAccount", stranger.address):
                registry.send(stranger, name, *args)


def test_ownership_moves_in_two_steps(registry: Registry, roles: Roles) -> None:
    registry.send(roles.owner, "transferOwnership", roles.outsider.address)
    assert registry.ask("owner") == roles.owner.address
    with reverts("OwnableUnauthorizedAccount", roles.operator.address):
        registry.send(roles.operator, "acceptOwnership")
    registry.send(roles.outsider, "acceptOwnership")
    assert registry.ask("owner") == roles.outsider.address
    registry.send(roles.outsider, "setPaused", True)
    with reverts("OwnableUnauthorizedAccount", roles.owner.address):
        registry.send(roles.owner, "setPaused", False)


def test_ownership_cannot_be_given_up(registry: Registry, roles: Roles) -> None:
    with reverts("OwnerRequired"):
        registry.send(roles.owner, "renounceOwnership")
    assert registry.ask("owner") == roles.owner.address


# --- operators ------------------------------------------------------------------------------------


def test_operators_are_appended_from_one(registry: Registry, roles: Roles) -> None:
    assert registry.ask("operatorCount") == 1
    for index in (2, 3):  # the same address twice is two operators
        receipt = registry.send(roles.owner, "addOperator", roles.outsider.address)
        assert receipt.event("OperatorAdded") == {
            "index": index,
            "operator": roles.outsider.address,
        }
    assert registry.ask("operatorCount") == 3
    expected = {"operator": roles.outsider.address, "bond": 0, "leftAt": 0, "retired": False}
    assert registry.operator(3) == expected
    assert registry.operator(4) == {**expected, "operator": ZERO}
    with reverts("ZeroAddress"):
        registry.send(roles.owner, "addOperator", ZERO)


def test_operator_changes_and_the_former_one_is_dated(registry: Registry, roles: Roles) -> None:
    registry.send(roles.owner, "addOperator", roles.outsider.address)
    receipt = registry.send(roles.owner, "setOperator", 2)
    assert receipt.event("OperatorChanged") == {"previous": 1, "current": 2}
    assert registry.facts()["operator"] == 2
    assert registry.ask("currentOperator") == roles.outsider.address
    assert registry.operator(1)["leftAt"] == receipt.time
    assert registry.operator(2)["leftAt"] == 0


def test_operator_that_does_not_exist_or_is_current_is_refused(
    registry: Registry, roles: Roles
) -> None:
    with reverts("OperatorUnknown", 2, 1):
        registry.send(roles.owner, "setOperator", 2)
    with reverts("OperatorIsCurrent", 1):
        registry.send(roles.owner, "setOperator", 1)
    registry.send(roles.owner, "setOperator", 0)
    with reverts("OperatorIsCurrent", 0):
        registry.send(roles.owner, "setOperator", 0)


def test_deposits_start_with_the_first_operator_and_stay(fresh_chain: Chain, roles: Roles) -> None:
    contract = fresh_chain.deploy(
        roles.owner, "BatchRegistry", roles.owner.address, VAULT.address, (ZERO,) * 3,
        windows_tuple(WINDOWS), 1, 1,
    ).functions  # fmt: skip
    assert fresh_chain.call(contract.takesDeposits()) is False
    fresh_chain.send(roles.owner, contract.addOperator(roles.operator.address))
    assert fresh_chain.call(contract.takesDeposits()) is False
    fresh_chain.send(roles.owner, contract.setOperator(1))
    assert fresh_chain.call(contract.takesDeposits()) is True
    fresh_chain.send(roles.owner, contract.setOperator(0))
    assert fresh_chain.call(contract.takesDeposits()) is True


# --- bonds ----------------------------------------------------------------------------------------


def test_bond_is_added_by_anybody(registry: Registry, roles: Roles) -> None:
    receipt = registry.send(roles.outsider, "addBond", 1, value=5)
    assert receipt.event("BondAdded") == {"index": 1, "amount": 5, "bond": BOND + 5}
    assert registry.operator(1)["bond"] == BOND + 5
    assert balance(registry.chain, registry.address) == BOND + 5


def test_bond_of_nobody_or_of_nothing_is_refused(registry: Registry, roles: Roles) -> None:
    for index in (0, 2, 65535):
        with reverts("OperatorUnknown", index, 1):
            registry.send(roles.outsider, "addBond", index, value=1)
    with reverts("NoBond", 1):
        registry.send(roles.outsider, "addBond", 1)


def test_ether_without_an_operator_is_refused(registry: Registry, roles: Roles) -> None:
    with pytest.raises(Reverted):
        registry.chain.send(roles.outsider, to=registry.address, value=1)
    assert balance(registry.chain, registry.address) == BOND


def test_bond_withdrawal_waits_until_the_last_batch_is_final(
    registry: Registry, roles: Roles
) -> None:
    chain = registry.chain
    with reverts("OperatorIsCurrent", 1):
        registry.send(roles.operator, "withdrawBond", 1, roles.maker.address)
    batch = registry.commit()
    left = registry.send(roles.owner, "setOperator", 0).time
    until = left + WINDOWS.final_after
    assert until >= registry.final_at(batch)
    chain.at(until - 1)
    with reverts("BondLocked", 1, until):
        registry.send(roles.operator, "withdrawBond", 1, roles.maker.address)
    had = balance(chain, roles.maker.address)
    assert chain.now == until
    receipt = registry.send(roles.operator, "withdrawBond", 1, roles.maker.address)
    assert receipt.event("BondWithdrawn") == {"index": 1, "amount": BOND}
    assert balance(chain, roles.maker.address) == had + BOND
    assert registry.operator(1)["bond"] == 0
    with reverts("NoBond", 1):
        registry.send(roles.operator, "withdrawBond", 1, roles.maker.address)


def test_bond_withdrawal_of_one_who_came_back_waits_anew(registry: Registry, roles: Roles) -> None:
    owner = roles.owner
    first = registry.send(owner, "setOperator", 0).time
    registry.send(owner, "setOperator", 1)
    registry.chain.at(first + WINDOWS.final_after)
    with reverts("OperatorIsCurrent", 1):
        registry.send(roles.operator, "withdrawBond", 1, roles.operator.address)
    registry.commit()
    second = registry.send(owner, "setOperator", 0).time
    with reverts("BondLocked", 1, second + WINDOWS.final_after):
        registry.send(roles.operator, "withdrawBond", 1, roles.operator.address)


def test_bond_of_one_never_current_is_free(registry: Registry, roles: Roles) -> None:
    registry.send(roles.owner, "addOperator", roles.outsider.address)
    registry.send(roles.maker, "addBond", 2, value=9)
    with reverts("NotBondOwner", roles.maker.address, roles.outsider.address):
        registry.send(roles.maker, "withdrawBond", 2, roles.maker.address)
    with reverts("ZeroAddress"):
        registry.send(roles.outsider, "withdrawBond", 2, ZERO)
    registry.send(roles.outsider, "withdrawBond", 2, roles.outsider.address)
    assert balance(registry.chain, registry.address) == BOND


def test_bond_of_an_index_that_does_not_exist_is_nobody_s(registry: Registry, roles: Roles) -> None:
    with reverts("NotBondOwner", roles.outsider.address, ZERO):
        registry.send(roles.outsider, "withdrawBond", 7, roles.outsider.address)


def test_bond_withdrawal_to_one_who_takes_no_ether_is_refused(
    registry: Registry, roles: Roles
) -> None:
    """It is its own fault, and another recipient may be named."""
    chain = registry.chain
    wallet = chain.deploy(roles.outsider, "ContractWallet", roles.outsider.address)
    registry.send(roles.owner, "setOperator", 0)
    chain.travel(WINDOWS.final_after)
    with reverts("BondRefused", wallet.address, BOND):
        registry.send(roles.operator, "withdrawBond", 1, wallet.address)
    assert registry.operator(1)["bond"] == BOND


def test_interface_id_of_the_domain_is_eip_5267() -> None:
    """The function wallets look for: its selector is what the standard says."""
    assert Web3.keccak(text="eip712Domain()")[:4].hex() == "84b0196e"
