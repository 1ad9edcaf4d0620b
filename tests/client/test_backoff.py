"""Waits between tries."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.client.backoff import Backoff, read_retry_after


@given(st.integers(0, 60), st.integers())
def test_waits_grow_to_a_bound_and_are_spread(failures: int, seed: int) -> None:
    """A wait is at most double the bound before, never above the longest, and never 0."""
    backoff = Backoff(0.5, 30.0, random.Random(seed))
    backoff.failures = failures
    wait = backoff.failed()
    assert 0 < wait <= min(30.0, 0.5 * 2.0**failures)


@given(st.floats(0, 3_600), st.integers(0, 40))
def test_a_server_that_names_a_wait_is_not_asked_earlier(asked: float, failures: int) -> None:
    """The wait is what Retry-After says, or up to a quarter more."""
    backoff = Backoff(chance=random.Random(1))
    backoff.failures = failures
    assert asked <= backoff.failed(asked) <= 1.25 * asked + 1e-9


def test_success_begins_anew() -> None:
    """After a success the first wait is short again."""
    backoff = Backoff(0.5, 30.0, random.Random(3))
    for _ in range(10):
        backoff.failed()
    backoff.succeeded()
    assert backoff.failed() <= 0.5


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5.2", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_a_retry_after_that_cannot_be_read_says_nothing(text: str) -> None:
    """What is neither seconds nor a date is as none."""
    assert read_retry_after(text) is None
