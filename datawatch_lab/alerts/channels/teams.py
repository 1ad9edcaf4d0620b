"""Microsoft Teams: an adaptive card to a workflow's webhook (adaptivecards.io/explorer)."""

from __future__ import annotations

import base64

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, option
from datawatch_lab.alerts.chart import draw
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings

_MOST_BYTES = 18_000  # a card may have 28 kB in all
_STYLES = {"info": "accent", "warning": "warning", "critical": "attention"}


def compose(message: Message, channel: ChannelSettings) -> HttpRequest:
    """A card with the chart in it while that is small enough."""
    style = "good" if message.is_over else _STYLES[message.severity]
    head = title(message, option(channel, "title"))
    body: list[dict[str, object]] = [
        {"type": "TextBlock", "size": "medium", "weight": "bolder", "wrap": True}
        | {"text": _plain(head), "color": style},
        {"type": "TextBlock", "wrap": True}
        | {"text": _plain(text(message, option(channel, "text")))[:6_000].replace("\n", "\n\n")},
    ]
    picture = draw(message)
    if picture is not None and len(picture) < _MOST_BYTES * 3 // 4:
        data = base64.b64encode(picture).decode()
        body.append({"type": "Image", "url": f"data:image/png;base64,{data}"})
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    said = {"type": "message", "attachments": [attachment]}
    url = option(channel, "webhook_url")
    return HttpRequest(url, msgspec.json.encode(said), {"Content-Type": "application/json"})


def _plain(words: str) -> str:
    """Without what Markdown would make of it."""
    return "".join(f"\\{each}" if each in "*_[]`<>" else each for each in words)
