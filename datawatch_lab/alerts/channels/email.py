"""E-mail by SMTP: plain text, HTML, and the chart in it (RFC 5322, RFC 2387)."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from datawatch_lab.alerts.channels.base import Mail, colour, option
from datawatch_lab.alerts.chart import draw
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings

_DEFAULT_PORT = 587


def compose(message: Message, channel: ChannelSettings) -> Mail:
    """A mail with an id made of the key, so that one that is sent again is known as the same."""
    given = channel.options.get("recipients") or ()
    recipients = (given,) if isinstance(given, str) else tuple(map(str, given))
    sender = option(channel, "from") or option(channel, "username") or "datawatch@localhost"
    mail = EmailMessage()
    mail["Subject"] = title(message, option(channel, "title"))
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(message.made)
    mail["Message-ID"] = f"<{message.key}@datawatch>"
    mail["X-DataWatch-Key"] = message.key
    words = text(message, option(channel, "text"))
    mail.set_content(words)
    picture = draw(message)
    mail.add_alternative(_html(message, words, with_picture=picture is not None), subtype="html")
    if picture is not None:
        html = mail.get_body(("html",))
        if isinstance(html, EmailMessage):
            html.add_related(picture, "image", "png", cid="<chart>", filename="chart.png")
    return Mail(
        mail,
        recipients,
        option(channel, "smtp_host"),
        int(option(channel, "smtp_port") or _DEFAULT_PORT),
        option(channel, "username"),
        option(channel, "password"),
    )


def _html(message: Message, words: str, *, with_picture: bool) -> str:
    lines = "<br>".join(escape(line) for line in words.splitlines())
    picture = '<p><img src="cid:chart" width="560" height="160" alt=""></p>' if with_picture else ""
    bar = f"border-left:4px solid {colour(message)};padding:4px 12px"
    font = "font-family:system-ui,sans-serif;font-size:14px"
    return f'<html><body style="{font}"><div style="{bar}">{lines}</div>{picture}</body></html>'
