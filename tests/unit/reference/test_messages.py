import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import SignatureError
from matcher.reference import messages
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "digests.json").read_text())
CHAIN_ID, CONTRACT = 31337, bytes.fromhex("00112233445566778899aabbccddeeff00112233")
DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def u(bits):
    return st.integers(0, (1 << bits) - 1)


any_message = st.one_of(
    st.builds(
        Order,
        u(24),
        st.text("ABC-019", max_size=30),
        st.booleans(),
        u(64),
        u(64),
        u(48),
        u(40),
        u(8),
    ),
    st.builds(Withdrawal, u(24), u(64), u(48), u(40)),
    st.builds(Transfer, u(24), u(24), u(64), u(48), u(40)),
    st.builds(Report, u(8), u(24), u(64)),
    st.builds(CancelTerms, u(24), u(48), u(40)),
    st.builds(CancelAllTerms, u(24), st.text("ABC-019", max_size=30), u(40)),
    st.builds(AmendTerms, u(24), u(48), u(64), u(40)),
)


def typed_data(message):
    name, inside = messages.TYPES[type(message)].rstrip(")").split("(")
    fields = [dict(zip(("type", "name"), f.split(" "), strict=True)) for f in inside.split(",")]
    return encode_typed_data(
        full_message={
            "types": {"EIP712Domain": DOMAIN_FIELDS, name: fields},
            "primaryType": name,
            "domain": {
                "name": "Quoin",
                "version": "1",
                "chainId": CHAIN_ID,
                "verifyingContract": "0x" + CONTRACT.hex(),
            },
            "message": messages.terms(message),
        }
    )


@given(any_message, st.integers(1, messages.CURVE_ORDER - 1))
def test_what_a_wallet_signs_recovers_to_it(message, secret):
    wallet = Account.from_key(secret.to_bytes(32, "big"))
    signed = wallet.sign_message(typed_data(message))
    digest = messages.digest(message, messages.domain_separator(CHAIN_ID, CONTRACT))
    assert messages.recover(digest, bytes(signed.signature)) == bytes.fromhex(wallet.address[2:])


@given(any_message, st.sampled_from([(CHAIN_ID + 1, CONTRACT), (CHAIN_ID, CONTRACT[::-1])]))
def test_digest_of_another_domain_is_another(message, domain):
    here = messages.domain_separator(CHAIN_ID, CONTRACT)
    assert messages.digest(message, here) != messages.digest(
        message, messages.domain_separator(*domain)
    )


@pytest.mark.parametrize("bad", VECTORS["badSignatures"], ids=lambda bad: bad["reason"])
def test_recover_of_a_bad_signature_is_refused(bad):
    digest, signature = (bytes.fromhex(bad[name][2:]) for name in ("digest", "signature"))
    with pytest.raises(SignatureError) as refused:
        messages.recover(digest, signature)
    assert refused.value.field == "signature"
