"""Discord, by a webhook (discord.com/developers/docs/resources/webhook): embed and picture."""

from __future__ import annotations

import msgspec

from datawatch_lab.alerts.channels.base import HttpRequest, colour, option
from datawatch_lab.alerts.chart import draw
from datawatch_lab.alerts.message import Message, text, title
from datawatch_lab.core.alerting import ChannelSettings


def compose(message: Message, channel: ChannelSettings) -> HttpRequest:
    """An embed in the colour of the severity; nobody is mentioned by what data says."""
    embed: dict[str, object] = {
        "title": title(message, option(channel, "title"))[:256],
        "description": text(message, option(channel, "text"))[:4_000],
        "color": int(colour(message)[1:], 16),
        "timestamp": message.made.isoformat(),
    }
    if message.link:
        embed["url"] = message.link
    picture = draw(message)
    if picture is not None:
        embed["image"] = {"url": "attachment://chart.png"}
    said = {"embeds": [embed], "allowed_mentions": {"parse": []}}
    url = option(channel, "webhook_url")
    body = msgspec.json.encode(said)
    if picture is None:
        return HttpRequest(url, body, {"Content-Type": "application/json"})
    mark = f"datawatch-{message.key}"
    head = f"multipart/form-data; boundary={mark}"
    return HttpRequest(url, _multipart(mark, body, picture), {"Content-Type": head})


def _multipart(mark: str, said: bytes, picture: bytes) -> bytes:
    """Two parts: the message as JSON, and the picture (RFC 7578)."""
    line = f"--{mark}\r\n".encode()
    form = b'Content-Disposition: form-data; name="payload_json"\r\n'
    file = b'Content-Disposition: form-data; name="files[0]"; filename="chart.png"\r\n'
    parts = [
        line + form + b"Content-Type: application/json\r\n\r\n" + said + b"\r\n",
        line + file + b"Content-Type: image/png\r\n\r\n" + picture + b"\r\n",
    ]
    return b"".join(parts) + f"--{mark}--\r\n".encode()
