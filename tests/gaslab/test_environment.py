"""The lab's chain: deployments, calls, blocks, refusals, and what it keeps for other engines."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from ckzg import blob_to_kzg_commitment, compute_kzg_proof
from eth_account import Account
from eth_utils.address import to_checksum_address
from sha3 import keccak_256

from gaslab.components import Component
from gaslab.environment import FUNDS, GENESIS_TIME, Environment, authorize, key_of
from gaslab.errors import InputError, Reverted, TransactionRefused
from gaslab.evm import precompiles
from gaslab.schedule import NAMES, load_schedule
from gaslab.solc import compile_files
from tests.gaslab.programs import NOBODY, op

PRAGUE, OSAKA = load_schedule("prague"), load_schedule("osaka")
CONTRACT = b"\xc0" * 20
OWNER = b"\x0a" * 20


@pytest.fixture(scope="module")
def contract():
    return compile_files([Path(__file__).parent / "contracts" / "Probe.sol"])["Probe"]


@pytest.fixture
def environment():
    return Environment(PRAGUE)


@pytest.fixture
def probe(environment, contract):
    return environment.deploy(contract, OWNER, 7)


# --- accounts ---------------------------------------------------------------------------------


def test_accounts_are_those_of_the_test_mnemonic(environment):
    first = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert to_checksum_address(environment.accounts[0]) == first
    assert len(set(environment.accounts)) == 10
    assert {environment.balance(account) for account in environment.accounts} == {FUNDS}
    assert key_of(0).to_hex().startswith("0xac0974bec39a17e3")


@pytest.mark.parametrize("sender", [10, -1, b"\x01" * 20, "0"])
def test_sender_that_is_no_account_is_refused(environment, sender):
    with pytest.raises(InputError, match="sender: found"):
        environment.send(NOBODY, sender=sender)


def test_sender_by_index_or_address_is_the_same(environment, probe):
    for sender in (3, environment.accounts[3]):
        measured = probe.send("store", 5, "x", sender=sender, value=2)
        assert probe.logs(measured)[0][1]["who"] == environment.accounts[3]
    assert probe.call("paid", environment.accounts[3]) == 4


# --- deployments ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_deploy_runs_the_constructor_and_keeps_the_code(contract, name):
    environment = Environment(load_schedule(name))
    probe = environment.deploy(contract, OWNER, 7, value=3)
    assert probe.call("OWNER") == OWNER
    assert probe.call("stored") == 7
    assert environment.balance(probe.address) == 3
    assert len(environment.code(probe.address)) == len(contract.runtime)
    assert probe.creation.code_bytes == len(contract.runtime)
    assert probe.creation.label == "deploy"
    slots = {one["label"]: int(one["slot"]) for one in contract.layout["storage"]}
    assert environment.storage(probe.address, slots["stored"]) == 7


def test_deploy_whose_constructor_reverts_raises_the_decoded_error(environment, contract):
    with pytest.raises(Reverted, match=r"deploy Probe under prague: Refused\(0x0a0a.*, 0, 0x0102"):
        environment.deploy(contract, OWNER, 0)


def test_deploy_without_gas_for_the_code_raises_out_of_gas(environment, contract):
    with pytest.raises(Reverted, match="OutOfGas"):
        environment.deploy(contract, OWNER, 7, gas=200_000)


@pytest.mark.parametrize("args", [(), (OWNER,), (OWNER, -1), (7, OWNER), (OWNER, 1, 2)])
def test_deploy_with_other_arguments_tells_those_it_takes(environment, contract, args):
    with pytest.raises(InputError, match=r"Probe\.constructor: .*allowed \(address, uint256\)"):
        environment.deploy(contract, *args)


# --- functions --------------------------------------------------------------------------------


def test_call_returns_one_value_or_a_tuple(probe):
    assert probe.call("stored") == 7
    orders = [(OWNER, [1, 2]), (NOBODY, [3])]
    assert probe.call("total", orders) == (6, (OWNER, NOBODY))


def test_call_leaves_no_trace(environment, probe):
    before = environment.nonce(environment.accounts[0]), environment.block
    probe.call("store(uint256)", 99)
    assert probe.call("stored") == 7
    assert (environment.nonce(environment.accounts[0]), environment.block) == before
    assert len(environment.transactions) == 1
    assert environment.balance(environment.coinbase) == probe.creation.gas * 10**9
    assert probe.send("store", 1).components[Component.SLOT_COLD] == 2_100


def test_call_that_reverts_raises_the_decoded_error(environment, probe):
    selector = keccak_256(b"refuse(uint256)").digest()[:4].hex()
    sender = environment.accounts[2].hex()
    with pytest.raises(Reverted, match=rf"Probe\.refuse: Refused\(0x{sender}, 9, 0x{selector}\)"):
        probe.call("refuse", 9, sender=2)
    with pytest.raises(Reverted, match=r"Probe\.complain: no good"):
        probe.call("complain")
    with pytest.raises(Reverted, match=r"Probe\.overflow: panic: arithmetic overflow"):
        probe.call("overflow", 2**256 - 1)
    with pytest.raises(Reverted, match=r"Probe\.burn: InvalidInstruction"):
        probe.call("burn")


def test_send_that_reverts_is_measured_and_tells_why(probe):
    measured = probe.send("refuse", 9)
    assert not measured.success
    assert measured.gas > 21_000
    assert probe.reason(measured).startswith("Refused(0xf39fd6e5")


def test_overloads_are_told_apart_by_count_or_signature(probe):
    assert probe.encode("store", 1) == probe.encode("store(uint256)", 1)
    assert probe.encode("store", 1, "x") == probe.encode("store(uint256,string)", 1, "x")
    assert probe.encode("store", 1)[:4] != probe.encode("store", 1, "x")[:4]


def test_encode_unknown_function_tells_those_there_are(probe):
    with pytest.raises(InputError, match=r"Probe\.stores: found stores, allowed one of OWNER\(\)"):
        probe.encode("stores")


def test_encode_wrong_arguments_tells_types(probe):
    with pytest.raises(InputError, match=r"total\(\(address,uint64\[\]\)\[\]\): found .*allowed"):
        probe.encode("total", [(OWNER, [2**64])])


def test_logs_are_decoded_in_order(environment, probe):
    measured = probe.send("store", 5, "note", sender=1)
    assert probe.logs(measured) == [
        ("Stored", {"who": environment.accounts[1], "value": 5, "note": "note"}),
        ("Tagged", {"tag": keccak_256(b"note").digest(), "number": 5}),
    ]


# --- blocks -----------------------------------------------------------------------------------


def test_blocks_are_one_a_transaction_and_what_they_are_told(environment, probe):
    assert probe.call("context")[:2] == (2, GENESIS_TIME + 24)
    probe.send("store", 1)
    environment.travel(100)
    environment.coinbase, environment.base_fee = OWNER, 10**9 + 7
    environment.prevrandao = b"\x05" * 32
    number, time, coinbase, random, fee, parent = probe.call("context")
    assert (number, time) == (3, GENESIS_TIME + 36 + 100)
    assert (coinbase, random, fee) == (OWNER, int.from_bytes(b"\x05" * 32, "big"), 10**9 + 7)
    assert parent == keccak_256((2).to_bytes(32, "big")).digest()
    assert environment.transactions[-1].block.number == 2


def test_travel_back_is_refused(environment):
    with pytest.raises(InputError, match="seconds: found -1"):
        environment.travel(-1)


def test_transactions_of_the_same_steps_are_the_same_bytes(contract):
    def raws():
        environment = Environment(PRAGUE)
        probe = environment.deploy(contract, OWNER, 7)
        probe.send("store", 5, sender=4)
        return [sent.raw for sent in environment.transactions]

    assert raws() == raws()


def test_transactions_are_signed_by_their_senders(environment, probe):
    probe.send("store", 5, sender=4, access_list=[(probe.address, [0, 1])])
    for sent in environment.transactions:
        assert Account.recover_transaction(sent.raw) == to_checksum_address(sent.sender)
    assert environment.transactions[-1].sender == environment.accounts[4]
    assert environment.transactions[-1].measurement.raw == environment.transactions[-1].raw


def test_transactions_replayed_on_their_genesis_cost_the_same(environment, probe):
    probe.send("store", 5)
    probe.send("refuse", 5)
    again = Environment(PRAGUE)
    again.set_genesis(environment.genesis)
    for sent in environment.transactions:
        measured = again.send_raw(sent.raw)
        assert measured.gas == sent.measurement.gas
        assert measured.components == sent.measurement.components


def test_genesis_is_what_stood_before_the_first_transaction(environment):
    environment.set_code(CONTRACT, op("SSTORE", 1, 2))
    environment.set_storage(CONTRACT, 1, 1)
    environment.send(CONTRACT)
    assert environment.storage(CONTRACT, 1) == 2
    assert environment.genesis[CONTRACT].storage == {1: 1}
    with pytest.raises(InputError, match="set_storage: found 1 transactions, allowed none yet"):
        environment.set_storage(CONTRACT, 1, 1)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"gas": 20_999}, "gas limit 20999 is below the 21000"),
        ({"gas": 36_000_001}, "above the block's 36000000"),
        ({"value": FUNDS}, "enough balance"),
        ({"blob_hashes": [b"\x01" + bytes(31)] * 10}, "10 blobs, above 9"),
        ({"blob_hashes": [bytes(32)]}, "versioned"),
    ],
)
def test_send_refused_changes_nothing(environment, options, told):
    with pytest.raises(TransactionRefused, match=f"(?i){told}"):
        environment.send(NOBODY, **options)
    assert environment.transactions == []
    assert environment.number == 1
    assert environment.nonce(environment.accounts[0]) == 0
    assert environment.balance(environment.accounts[0]) == FUNDS


def test_send_with_too_low_a_fee_is_refused(environment):
    environment.base_fee = 10**12
    with pytest.raises(TransactionRefused, match="base fee"):
        environment.send(NOBODY)


def test_send_raw_with_a_wrong_nonce_is_refused(environment):
    raw = environment.send(NOBODY).raw
    with pytest.raises(TransactionRefused, match=r"(?i)nonce"):
        environment.send_raw(raw)


# --- blobs and accounts with code -------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_blobs_are_counted_beside_the_gas_and_seen_by_the_contract(contract, name):
    environment = Environment(load_schedule(name))
    probe = environment.deploy(contract, OWNER, 7)
    hashes = [b"\x01" + bytes([i]) * 31 for i in range(3)]
    plain = environment.send(probe.address, probe.encode("blob", 2))
    measured = environment.send(probe.address, probe.encode("blob", 2), blob_hashes=hashes)
    assert measured.output == hashes[2]
    assert plain.output == bytes(32)
    assert measured.blob_gas == 3 * 131_072
    assert plain.blob_gas == 0
    assert measured.gas == plain.gas
    assert Account.recover_transaction(measured.raw) == to_checksum_address(environment.accounts[0])


def test_point_evaluation_accepts_a_proof_and_nothing_else(environment):
    setup = precompiles._setup()  # seconds to read: once is enough
    blob = b"".join((i + 1).to_bytes(32, "big") for i in range(4096))
    commitment, z = blob_to_kzg_commitment(blob, setup), (5).to_bytes(32, "big")
    proof, y = compute_kzg_proof(blob, z, setup)
    versioned = b"\x01" + sha256(commitment).digest()[1:]
    good = versioned + z + y + commitment + proof
    precompile = bytes(19) + b"\x0a"
    found = environment.send(precompile, good)
    modulus = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
    assert found.output == (4096).to_bytes(32, "big") + modulus.to_bytes(32, "big")
    assert found.components[Component.PRECOMPILE] == 50_000
    for bad in (good[:-1], bytes(32) + good[32:], good[:95] + b"\x99" + good[96:], good[:144]):
        assert environment.send(precompile, bad, gas=200_000).error == "VMError"


def _scene_7702(name):
    environment = Environment(load_schedule(name))
    environment.set_code(CONTRACT, op("SSTORE", 0, 1) + op("STOP"))
    return environment


def _authorization(environment, key=5, nonce=0, address=CONTRACT):
    return authorize(key_of(key), address, nonce=nonce, chain_id=environment.chain_id)


@pytest.mark.parametrize(
    ("name", "authorization", "refund", "state"),
    [("prague", 25_000, 12_500, 0), ("amsterdam-draft", 7_816 + 9_000, 0, 35_190)],
)
def test_authorization_lets_an_account_run_anothers_code(name, authorization, refund, state):
    environment = _scene_7702(name)
    account = environment.accounts[5]
    measured = environment.send(account, authorizations=[_authorization(environment)])
    assert measured.success
    assert environment.storage(account, 0) == 1
    assert environment.storage(CONTRACT, 0) == 0
    assert environment.code(account) == b"\xef\x01\x00" + CONTRACT
    assert environment.nonce(account) == 1
    assert measured.components[Component.AUTHORIZATION] == authorization
    assert measured.components.get(Component.STATE_CODE, 0) == state
    assert measured.refund_counted == refund


def test_authorization_of_a_new_account_is_not_refunded():
    environment = _scene_7702("prague")
    environment.set_balance(environment.accounts[5], 0)
    measured = environment.send(
        environment.accounts[5], authorizations=[_authorization(environment)]
    )
    assert measured.refund_counted == 0
    assert measured.state_bytes_grown == 120 + 64


@pytest.mark.parametrize("wrong", ["nonce", "chain", "signature"])
def test_authorization_that_is_wrong_is_passed_over_and_paid_for(wrong):
    environment = _scene_7702("prague")
    authorization = {
        "nonce": _authorization(environment, nonce=1),
        "chain": authorize(key_of(5), CONTRACT, nonce=0, chain_id=7),
        "signature": type(_authorization(environment))(31337, CONTRACT, 0, 0, 1, 1),
    }[wrong]
    measured = environment.send(NOBODY, authorizations=[authorization])
    assert measured.success
    assert environment.code(environment.accounts[5]) == b""
    assert measured.components[Component.AUTHORIZATION] == 25_000
    assert measured.refund_counted == 0


def test_authorization_of_the_zero_address_clears_the_code():
    environment = _scene_7702("prague")
    account = environment.accounts[5]
    environment.send(NOBODY, authorizations=[_authorization(environment)])
    environment.send(NOBODY, authorizations=[_authorization(environment, 5, 1, bytes(20))])
    assert environment.code(account) == b""
    assert environment.nonce(account) == 2


def test_authorization_stands_though_the_transaction_fails():
    environment = _scene_7702("prague")
    measured = environment.send(
        environment.accounts[5], authorizations=[_authorization(environment)], gas=50_000
    )
    assert measured.error == "OutOfGas"
    assert environment.code(environment.accounts[5])


def test_authorization_without_gas_for_its_state_does_not_stand():
    environment = _scene_7702("amsterdam-draft")
    measured = environment.send(
        NOBODY, authorizations=[_authorization(environment)], gas=15_000 + 7_816 + 9_000 + 35_189
    )
    assert measured.error == "OutOfGas"
    assert measured.gas == 15_000 + 7_816 + 9_000 + 35_189
    assert environment.code(environment.accounts[5]) == b""
    assert environment.nonce(environment.accounts[0]) == 1


@pytest.mark.parametrize(
    ("keys", "value", "spare"),
    [
        pytest.param((5, 6), 0, 7_816 + 9_000 + 35_190 - 1, id="for the next authorization"),
        pytest.param((5,), 1, 6_000 + 183_600 - 1, id="for the new account"),
    ],
)
def test_authorization_before_the_gas_runs_out_does_not_stand_either(keys, value, spare):
    environment = _scene_7702("amsterdam-draft")
    first = 7_816 + 9_000 + 35_190
    signed = [_authorization(environment, key) for key in keys]
    gas = 15_000 + first + spare
    short = environment.send(NOBODY, value=value, authorizations=signed, gas=gas)
    assert (short.error, short.gas) == ("OutOfGas", gas)
    assert environment.code(environment.accounts[5]) == b""
    assert environment.nonce(environment.accounts[5]) == 0
    assert environment.send(NOBODY, value=value, authorizations=signed, gas=gas + 1).success
    assert environment.code(environment.accounts[5])


def test_authorization_under_a_schedule_without_them_is_refused():
    environment = _scene_7702("cancun")
    with pytest.raises(TransactionRefused, match="cancun has no transactions that set code"):
        environment.send(NOBODY, authorizations=[_authorization(environment)])


def test_account_with_code_of_another_pays_for_both_accesses():
    environment = _scene_7702("prague")
    account = environment.accounts[5]
    environment.send(NOBODY, authorizations=[_authorization(environment)])
    again = Environment(PRAGUE)
    accounts = dict(environment._world.accounts)
    caller = b"\xca" * 20
    again.set_genesis(accounts)
    again.set_code(caller, op("CALL", 50_000, int.from_bytes(account, "big"), 0, 0, 0, 0, 0))
    measured = again.send(caller)
    assert measured.components[Component.ACCOUNT_COLD] == 2 * 2_600
    assert again.storage(account, 0) == 1


# --- P-256 ------------------------------------------------------------------------------------


def test_p256verify_accepts_a_signature_and_nothing_else():
    # RFC 6979, A.2.5: P-256, SHA-256, message "sample".
    key = (
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
    )
    signature = (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )
    digest = "AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF"
    good = bytes.fromhex(digest + signature + key)
    environment = Environment(OSAKA)
    verifier = (0x100).to_bytes(20, "big")
    assert environment.send(verifier, good).output == (1).to_bytes(32, "big")
    for place in (0, 40, 70, 100, 159):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert environment.send(verifier, bad).output == b""
    assert environment.send(verifier, good + b"\0").output == b""
    assert environment.send(verifier, bytes(160)).output == b""
