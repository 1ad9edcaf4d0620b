"""Channels: the contract over each, and real receivers."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from email import message_from_bytes, policy
from typing import Any

import pytest
from PIL import Image

from datawatch_lab.alerts.channels import CHANNELS, compose
from datawatch_lab.alerts.channels.base import HttpRequest, Outgoing, Several
from datawatch_lab.alerts.chart import draw
from datawatch_lab.alerts.message import listed
from datawatch_lab.alerts.sending import checked_target, is_public, send
from datawatch_lab.core.alerting import ChannelSettings
from datawatch_lab.core.errors import InputError
from tests.alerts.channel_contract import AT, SECRET, alert, check_contract, message, words_of
from tests.alerts.receivers import http_receiver, mail_receiver

OPTIONS: dict[str, dict[str, Any]] = {
    "slack": {"webhook_url": f"https://hooks.example.org/{SECRET}", "channel": "#ops"},
    "pagerduty": {"service_key": SECRET},
    "email": {"recipients": ["ops@example.org"], "smtp_host": "mail", "password": SECRET},
    "webhook": {"url": f"https://example.org/{SECRET}", "secret": SECRET, "headers": {"X-A": "1"}},
    "teams": {"webhook_url": f"https://example.org/{SECRET}"},
    "discord": {"webhook_url": f"https://example.org/{SECRET}"},
    "apprise": {"url": f"json://example.org/{SECRET}"},
}


def _channel(kind: str, **changes: Any) -> ChannelSettings:
    return ChannelSettings(name=kind, kind=kind, options={**OPTIONS[kind], **changes})


@pytest.mark.parametrize("kind", CHANNELS)
def test_every_channel_keeps_the_contract(kind: str) -> None:
    """Same message, same bytes; the evidence is in it; text is text; no repr shows a secret."""
    check_contract(_channel(kind))


def _actions(outgoing: Outgoing) -> list[str]:
    parts = outgoing.parts if isinstance(outgoing, Several) else (outgoing,)
    return [json.loads(each.body)["event_action"] for each in parts]  # type: ignore[union-attr]  # requests


def test_an_incident_is_resolved_once_nothing_of_its_group_goes_on() -> None:
    """Also where more alerts are over than a message lists; tests clean up after themselves."""
    over = [alert(id=f"o{n}", status="resolved", resolved=AT) for n in range(30)]
    channel = _channel("pagerduty")
    assert _actions(compose(message(*over), channel)) == ["resolve"]
    assert _actions(compose(message(*over, still_open=True), channel)) == []
    told, more = listed(message(*over, alert(severity="info")).alerts)
    assert more == 11
    assert _actions(compose(message(alerts=told, more=more), channel)) == ["trigger"]
    assert _actions(compose(message(kind="silence_expiring"), channel)) == []
    assert _actions(compose(message(kind="test"), channel)) == ["trigger", "resolve"]
    assert send(compose(message(kind="silence_expiring"), channel)).ok


def test_one_request_after_the_other_until_one_is_refused() -> None:
    """What several requests came to is what the first that fails came to."""
    with http_receiver() as received:
        channel = _channel("pagerduty", url=received.url)
        assert send(compose(message(kind="test"), channel), allow_private=True).ok
        assert len(received.requests) == 2
        received.answers = [(429, {})]
        assert send(compose(message(kind="test"), channel), allow_private=True).retryable
        assert len(received.requests) == 3


def test_a_webhook_is_signed_and_has_its_key() -> None:
    """A real receiver can check the signature, and sees the same key when it is sent again."""
    with http_receiver() as received:
        channel = _channel("webhook", url=received.url)
        received.answers = [(503, {"Retry-After": "7"})]
        first = send(compose(message(), channel), allow_private=True)
        again = send(compose(message(), channel), allow_private=True)
    assert (first.ok, first.retryable, first.retry_after) == (False, True, 7.0)
    assert again.ok
    (headers, body), (more, _) = received.requests
    stamp, _, signed = headers["X-DataWatch-Signature"].partition(",")
    expected = hmac.new(SECRET.encode(), stamp[2:].encode() + b"." + body, hashlib.sha256)
    assert signed == f"v1={expected.hexdigest()}"
    assert headers["Idempotency-Key"] == more["Idempotency-Key"] == message().key
    said = json.loads(body)
    assert said["alerts"][0]["expected"] == {"min": None, "max": 40.0}
    assert said["alerts"][0]["labels"] == {"city": "Köln"}


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (429, True), (500, True)])
def test_a_status_says_whether_to_try_again(status: int, retryable: bool) -> None:
    """What the receiver refuses for good is not tried again; what may pass is."""
    with http_receiver() as received:
        received.answers = [(status, {})]
        outcome = send(HttpRequest(received.url, b"{}"), allow_private=True)
    assert (outcome.ok, outcome.retryable) == (False, retryable)
    assert SECRET not in outcome.detail


def test_private_targets_and_redirects_are_refused() -> None:
    """Addresses of this machine and network are refused by every name; redirects not followed."""
    with http_receiver() as received, http_receiver() as inner:
        refused = send(HttpRequest(received.url, b"{}"))
        assert "an address of this machine or network" in refused.detail
        assert not refused.retryable
        assert received.requests == []
        received.answers = [(307, {"Location": inner.url})]
        outcome = send(HttpRequest(received.url, b"{}"), allow_private=True)
        assert "redirects are not followed" in outcome.detail
        assert inner.requests == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1"]  # noqa: S104, RUF005
    + ["fe80::1", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1"],
)
def test_no_private_address_is_public(address: str) -> None:
    """However it is written, an address inside is inside; one among several is enough."""
    assert not is_public(address)
    with pytest.raises(InputError, match="of this machine or network"):
        checked_target(
            "http://a.example/", allow_private=False, look=lambda *_: ["93.184.216.34", address]
        )


def test_other_schemes_are_refused() -> None:
    """Only web addresses are asked."""
    for url in ("file:///etc/passwd", "gopher://a", "http://", "https://a:99999/"):
        assert not send(HttpRequest(url, b"")).ok


def test_a_mail_arrives_with_its_chart() -> None:
    """A real SMTP server gets plain text, HTML and a picture, and an id made of the key."""
    with mail_receiver() as box:
        channel = _channel("email", smtp_host="127.0.0.1", smtp_port=box.port, password="")
        assert send(compose(message(), channel)).ok
        openly = _channel("email", smtp_host="127.0.0.1", smtp_port=box.port)
        assert "not sent openly" in send(compose(message(), openly)).detail
    (raw,) = box.mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["Message-ID"] == f"<{message().key}@datawatch>"
    kinds = [part.get_content_type() for part in mail.walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(kinds)


def test_a_mail_server_that_is_down_is_tried_again() -> None:
    """No connection is retryable."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = send(compose(message(), _channel("email", smtp_host="127.0.0.1", smtp_port=port)))
    assert (outcome.ok, outcome.retryable) == (False, True)


def test_the_chart_is_a_small_picture() -> None:
    """A PNG of a few kilobytes; none where there is nothing to draw."""
    from io import BytesIO

    made = draw(message())
    assert made is not None
    assert len(made) < 20_000
    assert Image.open(BytesIO(made)).size == (1120, 320)
    assert draw(message(points=((AT.timestamp(), 1.0),))) is None


def test_a_template_is_a_sandbox() -> None:
    """A template reaches the message and nothing behind it."""
    channel = _channel("webhook", title="{{ message.alerts[0].alert.rule }}!")
    assert '"title":"Order spike!"' in words_of(compose(message(alert()), channel))
    reaching = _channel("webhook", title="{{ ''.__class__.__mro__ }}")
    assert words_of(compose(message(), reaching)) == words_of(
        compose(message(), _channel("webhook"))
    )


@pytest.mark.parametrize(
    "template", ["{{ message.alert.rule }}", "{{ message.", "{{ 1 / 0 }}", "{{ number('x') }}"]
)
def test_a_template_that_fails_loses_no_alert(template: str) -> None:
    """The alert is told in the words that there are without a template."""
    channel = _channel("webhook", title=template, text=template)
    said = words_of(compose(message(alert()), channel))
    assert said == words_of(compose(message(alert()), _channel("webhook")))
