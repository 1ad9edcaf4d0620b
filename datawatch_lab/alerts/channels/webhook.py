"""A webhook of one's own: JSON, signed with HMAC-SHA256 over time and body.

``X-DataWatch-Signature: t=<epoch seconds>,v1=<hex>`` is the HMAC of ``<t>.<body>`` with the secret;
``Idempotency-Key`` is the same when a message is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, option
from datawatch_lab.alerts.message import Message, Told, text, title
from datawatch_lab.core.alerting import ChannelSettings


def compose(message: Message, channel: ChannelSettings) -> HttpRequest:
    """The message as JSON with everything that is known of its alerts."""
    body = msgspec.json.encode(document(message, channel))
    given = channel.options.get("headers") or {}
    headers = {str(name): str(value) for name, value in given.items()}
    headers |= {"Content-Type": "application/json", "Idempotency-Key": message.key}
    secret = option(channel, "secret")
    if secret:
        headers["X-DataWatch-Signature"] = signature(secret, body, int(message.made.timestamp()))
    return HttpRequest(option(channel, "url"), body, headers)


def signature(secret: str, body: bytes, at: int) -> str:
    """What a receiver checks.

    >>> signature("s", b"{}", 1)[:10]
    't=1,v1=b25'
    """
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def document(message: Message, channel: ChannelSettings) -> dict[str, Any]:
    """The body before it is JSON; version 1."""
    return {
        "version": 1,
        "key": message.key,
        "kind": message.kind,
        "title": title(message, option(channel, "title")),
        "text": text(message, option(channel, "text")),
        "severity": message.severity,
        "made": message.made,
        "group": message.group,
        "link": message.link,
        "alerts": [_alert(each) for each in message.alerts],
        "more": message.more,
        "note": message.note,
    }


def _alert(told: Told) -> dict[str, Any]:
    alert = told.alert
    return {
        "id": alert.id,
        "event": told.event,
        "rule": alert.rule,
        "rule_id": alert.rule_id,
        "severity": alert.severity,
        "status": alert.status,
        "labels": dict(alert.labels),
        "metric": alert.metric,
        "condition": alert.reading,
        "value": alert.last_value,
        "expected": {"min": alert.low, "max": alert.high},
        "started": alert.started,
        "fired": alert.fired,
        "resolved": alert.resolved,
        "description": alert.description,
    }
