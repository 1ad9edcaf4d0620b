"""A followed question: its newest answer, and a ring of the messages that led to it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.who import UserRole
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.live import messages
from datawatch_lab.service.live.topics import Change, Question, Topic

_encoder = msgspec.json.Encoder(enc_hook=str)
_SIZE_TICKS = 60


@dataclass(frozen=True)
class StreamKey:
    """What makes two followers share a stream: they are sent the same bytes.

    Attributes:
        question: what is asked.
        role: for whom; sensitive values depend on it.
        interval: of `messages.INTERVALS`.
    """

    question: Question
    role: UserRole
    interval: str

    @property
    def name(self) -> str:
        """A name for clients, the same after a restart, such as ``dashboard-1s``."""
        plain = f"{self.question.topic}-{self.interval}"
        if self.question == Question(self.question.topic):
            return plain
        return f"{plain}-{_digest(self.question)}"


@dataclass(frozen=True)
class Limits:
    """What the server keeps and sends.

    Attributes:
        ring_messages: messages of a stream that can be sent again.
        ring_bytes: bytes of them; the newest are kept whatever they take.
        whole_bytes: of a whole answer; a larger one is refused when it is asked for.
        streams: different questions that are followed at once.
        linger: seconds that a stream without followers is kept for those who come back.
    """

    ring_messages: int = 180
    ring_bytes: int = 512 * 1024
    whole_bytes: int = 1024 * 1024
    streams: int = 100
    linger: float = 120.0


@dataclass(frozen=True)
class Frame:
    """A message of the ring.

    Attributes:
        seq: its number; the one before it has one less.
        tick: number of the update that made it.
        change: what it says.
        text: as it is sent.
    """

    seq: int
    tick: int
    change: Change
    text: bytes


@dataclass(eq=False)
class Stream:
    """The messages of one question. Any thread may read; `advance` is called by one at a time.

    Attributes:
        key: what is followed.
        topic: that it belongs to.
        first_seq: number of the first whole. Numbers of a later stream of the same name must be
            larger, so it is a time in ms.
        limits: of the ring.
        answer: newest, None before the first.
        seq: number of the newest message.
        tick: number of updates so far.
        fault: message about an update that failed; None when the last one did not.
    """

    key: StreamKey
    topic: Topic
    first_seq: int
    limits: Limits = field(default_factory=Limits)
    answer: Any = None
    seq: int = 0
    tick: int = 0
    fault: bytes | None = None
    _at: str = ""
    _ring: deque[Frame] = field(default_factory=deque)
    _bytes: int = 0
    _wholes: dict[str, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """As clients know it."""
        return self.key.name

    def advance(self, answer: Any, at: datetime) -> None:
        """Take a new answer in: the messages that lead to it, encoded once.

        Args:
            answer: of the question, now.
            at: when the asking began.

        Raises:
            InputError: the answer is larger than may be sent; looked at now and then.
        """
        if self.tick % _SIZE_TICKS == 0:
            self._check_size(answer)
        if self.tick == 0:
            with self._lock:
                self.answer, self._at, self.seq, self.tick = (
                    answer,
                    iso(at) or "",
                    self.first_seq,
                    1,
                )
            return
        changes = self.topic.changes(self.answer, answer)
        made = [self._frame(place, each, at) for place, each in enumerate(changes, 1)]
        with self._lock:
            self.answer, self._at, self.fault = answer, iso(at) or "", None
            self.seq += len(made)
            self.tick += 1
            self._wholes.clear()
            for each in made:
                self._ring.append(each)
                self._bytes += len(each.text)
            self._trim()

    def fail(self, error: DataWatchError) -> None:
        """Note that an update failed; followers are told once, and when it goes on they see it."""
        text = messages.failure(error, stream=self.name)
        if text != self.fault:
            self.fault = text

    def whole(self, reason: str) -> tuple[int, bytes]:
        """Number and text of a message that stands for itself; made once for all who ask."""
        with self._lock:
            text = self._wholes.get(reason)
            if text is None:
                data = self.topic.whole(self.answer)
                text = self._text(self.topic.first, data, self.seq, None, self._at, reason=reason)
                self._wholes[reason] = text
            return self.seq, text

    def later(self, seq: int) -> list[Frame] | None:
        """Messages after that number, in order; None when some are not kept, or it is unknown."""
        with self._lock:
            missing = self.seq - seq
            if not 0 <= missing <= len(self._ring):
                return None
            return list(islice(self._ring, len(self._ring) - missing, None))

    def combined(self, frames: list[Frame]) -> bytes:
        """Consecutive messages as one, for a client that reads too slowly."""
        change = self.topic.merge([each.change for each in frames])
        return self._text(
            change.type,
            change.data,
            frames[-1].seq,
            frames[0].seq - 1,
            self._at,
            skipped=len(frames) - 1,
        )

    def _frame(self, place: int, change: Change, at: datetime) -> Frame:
        seq = self.seq + place
        text = self._text(change.type, change.data, seq, seq - 1, iso(at) or "")
        return Frame(seq, self.tick + 1, change, text)

    def _text(
        self,
        type_: str,
        data: Any,
        seq: int,
        after: int | None,
        at: str,
        **more: Any,
    ) -> bytes:
        raw = msgspec.Raw(_encoder.encode(data))
        return messages.write(
            messages.Update(
                type=type_, data=raw, stream=self.name, seq=seq, after=after, at=at, **more
            )
        )

    def _trim(self) -> None:
        """Let the oldest go, but none of the newest update."""
        while self._ring and self._ring[0].tick != self.tick:
            if len(self._ring) <= self.limits.ring_messages and (
                self._bytes <= self.limits.ring_bytes
            ):
                return
            self._bytes -= len(self._ring.popleft().text)

    def _check_size(self, answer: Any) -> None:
        size = len(_encoder.encode(self.topic.whole(answer)))
        if size > self.limits.whole_bytes:
            raise InputError(
                f"the answer has {size:,} bytes; {self.limits.whole_bytes:,} may be followed.",
                hint="Ask for a shorter range, a wider step, fewer labels or fewer metrics.",
            )


def _digest(question: Question) -> str:
    import hashlib

    return hashlib.blake2b(msgspec.json.encode(question), digest_size=5).hexdigest()
