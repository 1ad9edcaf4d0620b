"""What one client is to be sent next. It holds no messages: at most a number for each stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from datawatch_lab.service.live.stream import Stream


@dataclass
class _Followed:
    """A stream that a client follows.

    Attributes:
        stream: followed.
        seq: number of the last message that the client was given; None before the first.
        replay: messages up to this number are sent one by one, however many there are.
        reason: of the whole that comes next, if one does.
        fault: that the client was told of.
    """

    stream: Stream
    seq: int | None
    replay: int = 0
    reason: str = "start"
    fault: bytes | None = None


@dataclass
class Outbox:
    """The streams that one client follows, and how far it is with each.

    A client that keeps up is sent each message as it was made for all. One that does not is sent
    one message in place of those it has missed, or the whole when they are not kept any more. So
    nothing waits for a slow client but a number.

    Attributes:
        followed: by name of stream, in the order in which they take turns.
    """

    followed: dict[str, _Followed] = field(default_factory=dict)

    def follow(self, stream: Stream, since: int | None = None) -> int | None:
        """Begin with a stream, or begin anew.

        Args:
            stream: to follow.
            since: number of the last message that the client has from before; None for none.

        Returns:
            How many messages it has missed; None when a whole comes in their place, or first.
        """
        missed = None if since is None else stream.later(since)
        if missed is None:
            reason = "start" if since is None else "gap"
            self.followed[stream.name] = _Followed(stream, None, reason=reason)
            return None
        newest = missed[-1].seq if missed else 0
        self.followed[stream.name] = _Followed(stream, since, replay=newest)
        return len(missed)

    def leave(self, name: str) -> Stream | None:
        """Follow a stream no more; None when it was not followed."""
        found = self.followed.pop(name, None)
        return found.stream if found else None

    def next(self) -> bytes | None:
        """The next message for the client; None when it has all."""
        for name, each in tuple(self.followed.items()):
            text = _next(each)
            if text is not None:
                # To the end of the queue: a stream with much to say does not silence others.
                self.followed[name] = self.followed.pop(name)
                return text
        return None


def _next(followed: _Followed) -> bytes | None:
    stream = followed.stream
    if stream.fault is not followed.fault:
        followed.fault = stream.fault
        if stream.fault is not None:
            return stream.fault
    if followed.seq is None:
        followed.seq, text = stream.whole(followed.reason)
        return text
    frames = stream.later(followed.seq)
    if frames is None:
        followed.seq, text = stream.whole("gap")
        return text
    if not frames:
        return None
    first = frames[0]
    if first.seq <= followed.replay or first.tick == frames[-1].tick:
        followed.seq = first.seq
        return first.text
    followed.seq = frames[-1].seq
    return stream.combined(frames)
