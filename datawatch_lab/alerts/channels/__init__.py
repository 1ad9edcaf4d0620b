"""Channels, one file each. To add one: a file with ``compose``, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.alerts.channels import (
    apprise,
    discord,
    email,
    pagerduty,
    slack,
    teams,
    webhook,
)
from datawatch_lab.alerts.channels.base import Compose, Outgoing
from datawatch_lab.alerts.message import Message
from datawatch_lab.core.alerting import ChannelSettings
from datawatch_lab.core.errors import not_found

CHANNELS: Mapping[str, Compose] = {
    "slack": slack.compose,
    "pagerduty": pagerduty.compose,
    "email": email.compose,
    "webhook": webhook.compose,
    "teams": teams.compose,
    "discord": discord.compose,
    "apprise": apprise.compose,
}
"""How a message is composed, by kind of channel."""


def compose(message: Message, channel: ChannelSettings) -> Outgoing:
    """What goes over the wire for a message.

    Raises:
        NotFoundError: there is no such kind of channel.
    """
    if channel.kind not in CHANNELS:
        raise not_found("kind of channel", channel.kind, CHANNELS, where=channel.name)
    return CHANNELS[channel.kind](message, channel)
