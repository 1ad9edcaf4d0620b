"""What waits for a reader of commits is bounded, and given in order."""

from __future__ import annotations

from datawatch_lab.engine.brought import Backlog, Part


def part(after: int, upto: int) -> Part:
    """A commit of so many events that no table has."""
    return Part(after, upto, ())


def test_parts_are_given_one_after_another() -> None:
    """To who is where one begins; who is before it is told where it begins."""
    waiting = Backlog(100, 10)
    assert waiting.put(part(0, 5))
    assert waiting.put(part(5, 9))
    assert waiting.take(0) == (part(0, 5), None)
    assert waiting.take(2) == (None, 5)
    assert waiting.take(5) == (part(5, 9), None)
    assert waiting.take(9) == (None, None)


def test_what_was_read_otherwise_is_forgotten() -> None:
    """A reader that is in the middle of a part, or behind it, goes on after it."""
    waiting = Backlog(100, 10)
    for after in (0, 10, 20):
        waiting.put(part(after, after + 10))
    assert waiting.take(13) == (None, 20)
    assert waiting.take(20) == (part(20, 30), None)


def test_there_is_room_for_so_many_events_and_parts() -> None:
    """What is refused leaves a gap; room that was given back is room again."""
    waiting = Backlog(10, 3)
    assert waiting.put(part(0, 50)), "one alone, however many it has"
    assert not waiting.put(part(50, 51))
    assert waiting.take(0) == (part(0, 50), None)
    assert [waiting.put(part(n, n + 1)) for n in range(60, 64)] == [True, True, True, False]
    assert waiting.take(51) == (None, 60)
    waiting.clear()
    assert waiting.take(60) == (None, None)
    assert waiting.put(part(70, 80))
