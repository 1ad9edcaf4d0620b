"""What a channel is: a function from a message to what goes over the wire, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage

from datawatch_lab.alerts.message import Message
from datawatch_lab.core.alerting import ChannelSettings

COLOURS = {"info": "#2563af", "warning": "#b7791f", "critical": "#be2d2d", "resolved": "#2f855a"}
"""Of severities, and of what is over."""


@dataclass(frozen=True)
class HttpRequest:
    """A POST; in no repr, for its address may be a secret.

    Attributes:
        good: statuses that mean it was taken, beside 2xx.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Mail:
    """An e-mail and the server that takes it; in no repr, for it holds a password."""

    message: EmailMessage = field(repr=False)
    recipients: tuple[str, ...]
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Handed:
    """Something that a library of its own sends: a title and a text to addresses."""

    addresses: tuple[str, ...] = field(repr=False)
    title: str
    text: str


@dataclass(frozen=True)
class Several:
    """Requests one after the other, each once those before it were taken; none says nothing."""

    parts: tuple[HttpRequest, ...]


Outgoing = HttpRequest | Mail | Handed | Several
Compose = Callable[[Message, ChannelSettings], Outgoing]


def colour(message: Message) -> str:
    """The colour of a message."""
    return COLOURS["resolved" if message.is_over else message.severity]


def option(channel: ChannelSettings, name: str) -> str:
    """An option as text; '' when it is not given."""
    value = channel.options.get(name)
    return "" if value is None else str(value)
