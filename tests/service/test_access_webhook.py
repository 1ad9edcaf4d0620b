"""Signatures of webhooks: what is let in, and what each refusal says is missing."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import AccessError
from datawatch_lab.service.access.webhook import (
    SIGNATURE,
    TIMESTAMP,
    Webhook,
    read_timestamp,
    sign,
)
from tests.service.access_helpers import START

SECRET = "shared"  # noqa: S105 — of a test
HOOK = Webhook(SECRET, timedelta(minutes=5), ManualClock(START))
BODY = b'{"id": "evt-1"}'


def headers(body: bytes = BODY, sent: object = int(START.timestamp())) -> dict[str, str]:
    """Headers of a good delivery."""
    return {SIGNATURE: sign(SECRET, body), TIMESTAMP: str(sent)}


def test_the_signature_is_what_the_protocol_says() -> None:
    """sha256= and the HMAC-SHA256 of the body in hex, made here by the standard library alone."""
    wanted = hmac.new(b"shared", BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, BODY) == f"sha256={wanted}"


@given(st.binary(max_size=200))
def test_a_good_delivery_passes(body: bytes) -> None:
    """Whatever bytes were signed."""
    HOOK.check_headers(headers(body))
    HOOK.check_body(headers(body), body)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_another_body_does_not_pass(signed: bytes, sent: bytes) -> None:
    """A body that is not the one that was signed is refused."""
    if signed == sent:
        HOOK.check_body(headers(signed), sent)
        return
    with pytest.raises(AccessError, match="does not fit"):
        HOOK.check_body(headers(signed), sent)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "X-Savegress-Signature is missing"),
        ({TIMESTAMP: "1767614400"}, "X-Savegress-Signature is missing"),
        ({SIGNATURE: sign(SECRET, BODY)}, "X-Savegress-Timestamp is missing"),
        ({SIGNATURE: "md5=" + "0" * 64, TIMESTAMP: "1"}, "form sha256="),
        ({SIGNATURE: "sha256=00", TIMESTAMP: "1"}, "form sha256="),
        (headers(sent="yesterday"), "neither a Unix time nor ISO"),
        (headers(sent="9" * 40), "neither a Unix time nor ISO"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], words: str) -> None:
    """401 with the header that is missing or cannot be read."""
    with pytest.raises(AccessError, match=words) as caught:
        HOOK.check_headers(given)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
def test_a_delivery_outside_of_the_window_is_refused(seconds: int) -> None:
    """What was recorded and is sent again later, or bears a time that has not come."""
    with pytest.raises(AccessError, match="more than 300 s from now"):
        HOOK.check_headers(headers(sent=int(START.timestamp()) + seconds))


@given(st.integers(-300, 300))
def test_all_forms_of_a_time_inside_of_the_window_pass(seconds: int) -> None:
    """Unix seconds, milliseconds and ISO 8601 mean the same."""
    moment = START + timedelta(seconds=seconds)
    for text in (int(moment.timestamp()), int(moment.timestamp() * 1_000), moment.isoformat()):
        assert read_timestamp(str(text)) == moment
        HOOK.check_headers(headers(sent=text))


@given(st.text(max_size=40))
def test_any_text_as_a_time_is_harmless(text: str) -> None:
    """It is a moment or none, never an exception."""
    found = read_timestamp(text)
    assert found is None or found.tzinfo is not None


def test_the_secret_is_in_no_repr() -> None:
    """A webhook that is logged shows its window only."""
    assert SECRET not in repr(HOOK)
