"""The answer that is made once for all: how old it may be, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from datawatch_lab.service.telemetry.refresh import Refreshed
from tests.waiting import PATIENCE, eventually


class Made:
    """Counts how often the answer was made."""

    def __init__(self) -> None:
        self.begun = 0
        self.count = 0
        self.version = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> int:
        """Make it; may be held up."""
        self.begun += 1
        self.gate.wait(PATIENCE)
        self.count += 1
        return self.count


@pytest.fixture
def made() -> Made:
    """What makes the answers."""
    return Made()


@pytest.fixture
def refreshed(made: Made) -> Iterator[Refreshed[int]]:
    """Ended with the test."""
    found = Refreshed(made, lambda: made.version)
    yield found
    found.close()


def test_the_first_question_makes_it(made: Made, refreshed: Refreshed[int]) -> None:
    """Nothing is made before somebody asks; then a hundred get the same answer."""
    assert made.count == 0
    first = refreshed.get()
    assert first == 1
    assert {refreshed.get() for _ in range(100)} <= {1, 2}


def test_new_data_is_taken_in_by_itself(made: Made, refreshed: Refreshed[int]) -> None:
    """After a new version it is made anew without a further question."""
    refreshed.get()
    made.version += 1
    eventually(lambda: made.count >= 2)
    assert refreshed.get() >= 2


def test_nobody_waits_while_it_is_made_anew(made: Made) -> None:
    """A making that takes long holds up no question: the last answer is given."""
    now = [0.0]
    refreshed = Refreshed(made, lambda: made.version, lambda: now[0])
    refreshed.get()
    made.gate.clear()
    made.version += 1
    now[0] = 0.5  # so old may an answer be that does not have it
    eventually(lambda: made.begun == 2)
    assert refreshed.get() == 1
    made.gate.set()
    eventually(lambda: made.count >= 2)
    refreshed.close()


def test_a_fault_is_tried_again(made: Made) -> None:
    """An answer that could not be made is made the next time."""
    faults = [RuntimeError("once")]

    def make() -> int:
        if faults and made.count:
            raise faults.pop()
        return made()

    found = Refreshed(make, lambda: made.version)
    found.get()
    made.version += 1
    eventually(lambda: made.count >= 2)
    assert not faults
    found.close()


def test_the_first_fault_is_told() -> None:
    """When there is no answer at all, whoever asks gets the error."""

    def fail() -> int:
        raise ValueError("nothing yet")

    found = Refreshed(fail, lambda: 0)
    with pytest.raises(ValueError, match="nothing yet"):
        found.get()
    found.close()
