"""What clients and server say to each other over a WebSocket; JSON, one object a message."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from datawatch_lab.core.errors import DataWatchError, InputError

INTERVALS: dict[str, int] = {"1s": 1, "5s": 5, "30s": 30, "1m": 60}
"""How often a stream may be brought up to date, in seconds."""


MOST_OF_ID = 64
"""Characters of a name that a client gives; the server keeps one for each stream of a client."""

ClientId = Annotated[str, msgspec.Meta(max_length=MOST_OF_ID)]


class Subscribe(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="subscribe",
    rename={"start": "from", "end": "to"},
):
    r"""Follow metrics, or a topic, from now on.

    Attributes:
        metrics: names of metrics; they come together, in one message.
        topic: what to follow in place of metrics, such as ``dashboard``.
        interval: how often: 1s, 5s, 30s or 1m.
        id: a name of the client's own, told back in the answer; at most 64 characters. Of several
            for one stream, the last one counts.
        since: number of the last message of this stream that the client has; it is sent what came
            after it.
        start, end: ``from`` and ``to``: ISO 8601 or relative (-1h, now, today), as of each update.
        step: width of a bucket; without one, what suits the range.
        aggregation: avg, sum, count, min, max, p50, p90, p95, p99, rate, distinct, last; without
            one, what each metric's name says.
        group_by: a label, or several with commas.
        filters: ``label=value``; several with commas, or one each in a list.
    """

    metrics: list[str] | str = []
    topic: str = ""
    interval: str = "1s"
    id: ClientId = ""
    since: int | None = None
    start: str | None = None
    end: str | None = None
    step: str | None = None
    aggregation: str | None = None
    group_by: str | None = None
    filters: str | list[str] | None = None


class Unsubscribe(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="unsubscribe",
):
    """Follow a stream no more; without a name, none at all.

    Attributes:
        stream: as the server named it.
        id: as the client named it.
        metrics: end what follows exactly these.
    """

    stream: str = ""
    id: ClientId = ""
    metrics: list[str] | str = []


class Resume(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="resume",
):
    """Send what came after a message; for a client that has missed something.

    Attributes:
        since: number of the last message that the client has.
        stream: of a followed stream; without one, that of the address.
    """

    since: int
    stream: str = ""


class Ping(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="ping",
):
    """Ask whether the server is there.

    Attributes:
        id: told back in the answer.
    """

    id: ClientId = ""


ClientMessage = Subscribe | Unsubscribe | Resume | Ping


class Update(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a followed stream says.

    Attributes:
        type: ``snapshot``, ``dashboard_update``, ``event`` or ``metrics_update``.
        data: the whole, or what has changed; depends on the stream.
        stream: its name.
        seq: number of this message in its stream.
        after: number of the message that it follows on; None in one that stands for itself.
        at: when its making began, ISO 8601.
        reason: of a whole: ``start``, ``gap`` (what was missed is not kept any more).
        skipped: messages that a client which reads too slowly was spared; this one makes up for
            them.
    """

    type: str
    data: msgspec.Raw
    stream: str
    seq: int
    after: int | None
    at: str
    reason: str = ""
    skipped: int = 0


class Subscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribed"):
    """A stream is followed; its messages come next.

    Attributes:
        id: as the client named it; '' without a name.
        stream: the name that its messages carry.
        topic: what it is about.
        metrics: that it is about.
        interval: how often it comes.
    """

    id: str
    stream: str
    topic: str
    metrics: list[str]
    interval: str


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="unsubscribed"):
    """Streams that are followed no more.

    Attributes:
        streams: their names.
    """

    streams: list[str]


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="resumed"):
    """How a stream goes on after ``since``.

    Attributes:
        stream: its name.
        since: as given.
        missed: messages that are sent now; None when they are not kept any more, and a whole
            follows.
    """

    stream: str
    since: int
    missed: int | None


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a ping.

    Attributes:
        id: of the ping.
        at: now, ISO 8601.
    """

    id: str
    at: str


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong; the same as in the error envelope of HTTP."""

    code: str
    message: str
    details: dict[str, Any]
    hint: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A message that could not be done as asked, or a stream that cannot go on for now.

    Attributes:
        error: what and why.
        id: of the message at fault; '' without one.
        stream: of the stream at fault; '' for a message.
    """

    error: Fault
    id: str = ""
    stream: str = ""


ServerMessage = Subscribed | Unsubscribed | Resumed | Pong | Failed
"""Answers; beside them come `Update` messages."""

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder(enc_hook=str)
_TYPES: tuple[Literal["subscribe", "unsubscribe", "resume", "ping"], ...] = (
    "subscribe",
    "unsubscribe",
    "resume",
    "ping",
)


def read(text: str | bytes) -> ClientMessage:
    """A client's message.

    Raises:
        InputError: it is no JSON, of no known type, or a field is unknown, of the wrong
            type or too long.
    """
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise InputError(
            f"the message cannot be read: {error}.", hint=f"Types: {', '.join(_TYPES)}."
        ) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputError(f"the message is not JSON: {error}.") from None


def write(message: ServerMessage | Update) -> bytes:
    """A message as JSON."""
    return _encoder.encode(message)


def failure(error: DataWatchError, *, id: str = "", stream: str = "") -> bytes:  # noqa: A002 — as in the message
    """An error as a message."""
    fault = Fault(code=error.code, message=error.message, details=error.details, hint=error.hint)
    return write(Failed(error=fault, id=id, stream=stream))


def listed(metrics: list[str] | str) -> tuple[str, ...]:
    """Metrics of a message: a list, or one text with commas; each once, in order.

    >>> listed("orders_total, orders_rows"), listed(["a", "a"])
    (('orders_total', 'orders_rows'), ('a',))
    """
    parts = metrics.split(",") if isinstance(metrics, str) else metrics
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
