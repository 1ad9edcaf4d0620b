"""Every format with every nasty value in every place: an event or a bad row, never an exception."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.laws import check_alone, check_file, decoded
from tests.fuzz.nasty import FORMATS, MEGABYTE, compact, everything, whole_items
from tests.fuzz.targets import AFTER, BEFORE

EVERY = 17
"""Of the thousands of mutations the ordinary suite takes one in so many; ``--soak`` takes all."""


def some(request: pytest.FixtureRequest) -> list[bytes]:
    """Nasty items of one line: all whole ones, and mutations of every format."""
    if request.config.getoption("--soak"):
        return list(everything().values())
    whole = [item for _, item in whole_items() if b"\n" not in item]
    return [item for item in whole if len(item) < MEGABYTE] + list(everything().values())[::EVERY]


def test_what_is_written_here_is_well_formed() -> None:
    """Every format's own item is read without a fault, and brings its rows."""
    for name, item in FORMATS.items():
        batch = decoded([compact(item)])
        assert batch.bad.to_pylist() == [], name
        assert batch.events.num_rows >= 1, name


def test_nasty_items_are_events_or_bad_rows(request: pytest.FixtureRequest) -> None:
    """Nothing raises, nothing is lost, reasons and bytes are kept; each item is read as alone."""
    items = some(request)
    batch = decoded(items)
    assert batch.events.num_rows > len(items) // 4
    assert batch.bad.num_rows > len(items) // 4
    check_alone(items, batch, every=1 if request.config.getoption("--soak") else 7)


def test_ten_megabytes_of_row_are_an_event_like_any_other() -> None:
    """A text of ten megabytes is kept whole; its neighbours live."""
    large = next(item for name, item in whole_items() if name == "10 MB text")
    batch = decoded([BEFORE, large, AFTER])
    assert batch.bad.num_rows == 0
    (image,) = (text for text in batch.events["after"].to_pylist() if len(text) > MEGABYTE)
    assert json.loads(image)["x"] == "y" * 10 * MEGABYTE


def test_a_file_of_nasty_lines_is_cut_alike_in_any_pieces(request: pytest.FixtureRequest) -> None:
    """The same items come of pieces that end anywhere, in the midst of what cannot be read."""
    for start in range(20):
        lines = some(request)[start * 11 : start * 11 + 6]
        data = b"\n".join(lines)
        check_file(data, [7, len(data) // 3, len(data) // 3 + 1, len(data) // 2, len(data) - 2])
