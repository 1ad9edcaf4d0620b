"""Whatever Apprise reaches (github.com/caronc/apprise): Telegram, SMS, Matrix …; an extra."""

from __future__ import annotations

from datawatch_lab.alerts.channels.base import Handed, option
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings


def compose(message: Message, channel: ChannelSettings) -> Handed:
    """Title and text to the addresses of the channel, separated by spaces."""
    return Handed(
        tuple(option(channel, "url").split()),
        title(message, option(channel, "title")),
        text(message, option(channel, "text")),
    )
