"""A report as an e-mail: a few words, and the page attached; through the channel of the alerts."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from pathlib import Path

from datawatch_lab.alerts.channels.base import Mail, option
from datawatch_lab.alerts.sending import Outcome, send
from datawatch_lab.core.alerting import ChannelSettings
from datawatch_lab.core.errors import InputError

MOST_ATTACHED = 20_000_000
"""Bytes of a page that is attached; mail servers refuse more. A larger one is named."""

_DEFAULT_PORT = 587
_GOOD, _BAD = "#2f855a", "#be2d2d"


@dataclass(frozen=True)
class Letter:
    """What is told of a report.

    Attributes:
        title: of the report.
        made: when it was made or failed, UTC.
        page: the file; None for one that failed.
        rows: what else there is to say, by name: parameters, when it runs next.
        failed: why it failed; '' when it did not.
        key: the same when the same letter is sent again.
    """

    title: str
    made: datetime
    page: Path | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""
    key: str = ""


def channel_of(channels: Sequence[ChannelSettings]) -> ChannelSettings:
    """The channel that mails go through: the first of the kind email.

    Raises:
        InputError: there is none.
    """
    found = next((each for each in channels if each.kind == "email"), None)
    if found is None:
        raise InputError(
            "reports are mailed through a channel of the kind email, and there is none.",
            hint="Add alerts.channels.email with recipients, smtp_host, from to the configuration.",
        )
    return found


def mail(letter: Letter, channel: ChannelSettings, to: Sequence[str]) -> Outcome:
    """Send a letter once.

    Args:
        letter: what is told.
        channel: whose server takes it; see `channel_of`.
        to: addresses.
    """
    return send(compose(letter, channel, to))


def told(to: Sequence[str], outcome: Outcome) -> str:
    """Whom a letter that was taken went to, and what the server said beside that.

    >>> told(["a@b", "c@d"], Outcome(True, "taken, but refused for c@d"))
    'mailed to a@b, c@d; taken, but refused for c@d'
    """
    said = f"mailed to {', '.join(to)}"
    return said if outcome.detail == "taken" else f"{said}; {outcome.detail}"


def compose(letter: Letter, channel: ChannelSettings, to: Sequence[str]) -> Mail:
    """A mail with an id made of its key, so that one that is sent again is known as the same."""
    made = EmailMessage()
    words = f"{letter.title} failed" if letter.failed else letter.title
    made["Subject"] = " ".join(words.split())
    sender = option(channel, "from") or option(channel, "username") or "datawatch@localhost"
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(letter.made)
    key = sha256("\x1f".join((letter.key, *to)).encode()).hexdigest()[:32]
    made["Message-ID"] = f"<{key}@datawatch>"
    page = letter.page
    attached = page is not None and page.stat().st_size <= MOST_ATTACHED
    rows = dict(letter.rows)
    if page is not None:
        rows["Report"] = (
            f"{page.name} is attached." if attached else f"{page} (too large to attach)"
        )
    made.set_content(_text(letter, rows))
    made.add_alternative(_html(letter, rows), subtype="html")
    if page is not None and attached:
        kind, _ = mimetypes.guess_type(page.name)
        main, _, sub = (kind or "application/octet-stream").partition("/")
        made.add_attachment(page.read_bytes(), maintype=main, subtype=sub, filename=page.name)
    return Mail(
        made,
        tuple(to),
        option(channel, "smtp_host"),
        int(option(channel, "smtp_port") or _DEFAULT_PORT),
        option(channel, "username"),
        option(channel, "password"),
    )


def _text(letter: Letter, rows: Mapping[str, str]) -> str:
    lines = [letter.title, ""]
    lines += ["It failed:", letter.failed, ""] if letter.failed else []
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in rows.items())]) + "\n"


def _html(letter: Letter, rows: Mapping[str, str]) -> str:
    colour = _BAD if letter.failed else _GOOD
    cells = "".join(
        f'<tr><td style="color:#566073;padding:3px 18px 3px 0;vertical-align:top">{escape(name)}'
        f'</td><td style="padding:3px 0">{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    failed = (
        f'<p>It failed:</p><pre style="background:#f5f6f9;padding:8px;white-space:pre-wrap">'
        f"{escape(letter.failed)}</pre>"
        if letter.failed
        else ""
    )
    font = "color:#161b26;font-family:system-ui,sans-serif;font-size:14px;line-height:1.45"
    return (
        f'<html><body style="{font}"><div style="border-left:4px solid {colour};padding:2px 14px">'
        f'<h2 style="font-size:18px;margin:0 0 8px">{escape(letter.title)}</h2>{failed}'
        f'<table style="border-collapse:collapse;font-size:14px">{cells}</table></div>'
        "</body></html>"
    )
