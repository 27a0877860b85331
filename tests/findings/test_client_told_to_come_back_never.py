"""The client slept for whatever a busy server's Retry-After said.

The header may be a date, which was a ValueError in place of the reject, and anybody between client
and gateway could make a bot sleep for years.
"""

import pytest

from matcher.client import RETRY_MAX, retry_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (str(RETRY_MAX), RETRY_MAX),
        (str(RETRY_MAX + 1), RETRY_MAX),
        ("9" * 400, RETRY_MAX),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
        ("-1", 1),
        ("nan", 1),
        ("1e9", 1),
        ("", 1),
        ("\u00b2", 1),
        (None, 1),
    ],
)
def test_client_waits_for_a_busy_gateway_within_its_own_bounds(
    header: str | None, seconds: int
) -> None:
    assert retry_seconds(header) == seconds
