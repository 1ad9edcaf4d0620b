"""PagerDuty, Events API v2 (developer.pagerduty.com/docs/send-alert-event).

One incident a group: what resolves has the deduplication key of what fired, and is sent once
nothing of the group goes on. A test makes an incident and resolves it. That a silence ends is not
said here: it would make an incident that nothing resolves.
"""

from __future__ import annotations

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, Outgoing, Several, option
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings, id_of

URL = "https://events.pagerduty.com/v2/enqueue"


def compose(message: Message, channel: ChannelSettings) -> Outgoing:
    """Trigger or resolve; nothing where neither is due."""
    if message.kind == "test":
        return Several(tuple(_event(message, channel, each) for each in ("trigger", "resolve")))
    if message.kind == "silence_expiring" or (message.is_over and message.still_open):
        return Several(())
    return _event(message, channel, "resolve" if message.is_over else "trigger")


def _event(message: Message, channel: ChannelSettings, action: str) -> HttpRequest:
    said: dict[str, object] = {
        "routing_key": option(channel, "service_key"),
        "event_action": action,
        "dedup_key": id_of("pagerduty", message.group or message.key),
        "payload": {
            "summary": title(message, option(channel, "title"))[:1_024],
            "source": "datawatch",
            "severity": message.severity,
            "timestamp": message.made.isoformat(),
            "group": message.group,
            "custom_details": {"text": text(message, option(channel, "text"))},
        },
    }
    if message.link:
        said["links"] = [{"href": message.link, "text": "DataWatch"}]
    url = option(channel, "url") or URL
    return HttpRequest(url, msgspec.json.encode(said), {"Content-Type": "application/json"})
