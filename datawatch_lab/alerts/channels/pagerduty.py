"""PagerDuty, Events API v2 (developer.pagerduty.com/docs/send-alert-event).

One incident a group: what resolves has the deduplication key of what fired.
"""

from __future__ import annotations

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, option
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings, id_of

URL = "https://events.pagerduty.com/v2/enqueue"


def compose(message: Message, channel: ChannelSettings) -> HttpRequest:
    """Trigger or resolve."""
    said: dict[str, object] = {
        "routing_key": option(channel, "service_key"),
        "event_action": "resolve" if message.is_over else "trigger",
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
