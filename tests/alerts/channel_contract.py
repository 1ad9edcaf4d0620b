"""What every channel must do, run over each of them by test_channels.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from datawatch_lab.alerts.channels import compose
from datawatch_lab.alerts.channels.base import Handed, HttpRequest, Mail, Outgoing, Several
from datawatch_lab.alerts.message import Message, Told
from datawatch_lab.core.alerting import Alert, ChannelSettings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NASTY = '<script>alert("x")</script> & @everyone *bold* `code`\r\nBcc: eve@example.org'
SECRET = "s3cret-t0ken"  # noqa: S105 — planted, to be looked for


def alert(**changes: Any) -> Alert:
    """An alert as it fires."""
    given: dict[str, Any] = {
        "id": "a" * 36,
        "rule_id": "r",
        "rule": "Order spike",
        "severity": "critical",
        "labels": (("city", "Köln"),),
        "started": AT,
        "fired": AT,
        "reading": "orders over 5 minutes is above 40",
        "metric": "orders_inserts_total",
        "value": 85.0,
        "last_value": 90.0,
        "high": 40.0,
    }
    return Alert(**{**given, **changes})


def message(*alerts: Alert, **changes: Any) -> Message:
    """A message about some alerts."""
    told = tuple(Told(event="firing", alert=each) for each in alerts or (alert(),))
    points = tuple((AT.timestamp() + 60.0 * n, None if n == 4 else 5.0 * n) for n in range(20))
    given: dict[str, Any] = {"key": "k" * 36, "kind": "firing", "made": AT, "alerts": told}
    return Message(**{**given, "points": points, "high": 40.0, **changes})


def words_of(outgoing: Outgoing) -> str:
    """Everything that a reader of it may see."""
    match outgoing:
        case HttpRequest():
            return outgoing.body.decode(errors="replace")
        case Mail():
            parts = outgoing.message.walk()
            texts = [p.get_content() for p in parts if p.get_content_maintype() == "text"]
            return f"{outgoing.message['Subject']}\n" + "\n".join(texts)
        case Handed():
            return f"{outgoing.title}\n{outgoing.text}"
        case Several():
            return "\n".join(words_of(each) for each in outgoing.parts)


def check_contract(channel: ChannelSettings) -> None:
    """The laws of a channel.

    - The same message gives the same bytes: what is sent again is known as the same.
    - Rule, value and what was expected are in it, whatever the severity and for what is over.
    - Text of data is text: it breaks no header, is no markup, and a long one is cut.
    - No repr shows a secret.
    """
    first, again = compose(message(), channel), compose(message(), channel)
    if isinstance(first, HttpRequest):
        assert first == again
    for each in (alert(), alert(severity="info"), alert(status="resolved", resolved=AT)):
        said = words_of(compose(message(each), channel))
        assert "Order spike" in said
        assert "90" in said
        assert "40" in said
    nasty = compose(message(alert(rule=NASTY, description=NASTY * 500)), channel)
    if isinstance(nasty, Mail):
        assert nasty.message["Bcc"] is None
        assert "<script>" not in nasty.message.get_body(("html",)).get_content()  # type: ignore[union-attr]  # there is one
    if isinstance(nasty, HttpRequest):
        assert len(nasty.body) < 120_000
        assert not any("\n" in value for value in nasty.headers.values())
    assert SECRET not in repr(first)
    assert SECRET not in repr(channel)
