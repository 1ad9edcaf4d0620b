"""Slack, by an incoming webhook (docs.slack.dev, "sending messages using incoming webhooks").

A webhook of Slack cannot carry a picture; the value and what was expected are in the text.
"""

from __future__ import annotations

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, colour, option
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings


def compose(message: Message, channel: ChannelSettings) -> HttpRequest:
    """Blocks in the colour of the severity; names in angle brackets are not mentions."""
    head = _plain(title(message, option(channel, "title")))
    body = _plain(text(message, option(channel, "text")))
    attachment = {
        "color": colour(message),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": head[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": body[:2_900]}},
        ],
    }
    said: dict[str, object] = {"text": head, "attachments": [attachment]}
    if option(channel, "channel"):
        said["channel"] = option(channel, "channel")
    return HttpRequest(
        option(channel, "webhook_url"),
        msgspec.json.encode(said),
        {"Content-Type": "application/json"},
    )


def _plain(words: str) -> str:
    """Escaped as Slack asks for, so that data cannot mention anybody or make links."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
