from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.ingest.texts import FEW
from datawatch_lab.ingest.times import Stamp, are_beyond, parse_times, usual_micros


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123456+00:00"),
        ("2026-01-02T03:04:05.1234569Z", "2026-01-02T03:04:05.123456+00:00"),
        ("2026-01-02T03:04:05.123456789012Z", "2026-01-02T03:04:05.123456+00:00"),
        ("2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05.500000+00:00"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
        ("2026-01-02T03:04:05-0530", "2026-01-02T08:34:05+00:00"),
        ("2026-01-02 03:04:05+02", "2026-01-02T01:04:05+00:00"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04", "2026-01-02T03:04:00+00:00"),
        ("2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05+00:00"),
        ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000+00:00"),
        (1_767_323_045, "2026-01-02T03:04:05+00:00"),
        (1_767_323_045_123, "2026-01-02T03:04:05.123000+00:00"),
        (1_767_323_045_123_456, "2026-01-02T03:04:05.123456+00:00"),
        (1_767_323_045_123_456_789, "2026-01-02T03:04:05.123456+00:00"),
        (1_767_323_045.123456, "2026-01-02T03:04:05.123456+00:00"),
        (1_767_323_045_123.456, "2026-01-02T03:04:05.123456+00:00"),
        ("1767323045123", "2026-01-02T03:04:05.123000+00:00"),
        ("1767323045.25", "2026-01-02T03:04:05.250000+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_forms(stamp: Stamp, expected: str) -> None:
    """Each form that a timestamp may have is read, alone and beside others."""
    assert parse_times([stamp])[0].isoformat() == expected
    mixed = parse_times([None, "2020-01-01T00:00:00Z", stamp, 5, 1.5])
    assert mixed[0] is None
    assert mixed[2].isoformat() == expected


@pytest.mark.parametrize(
    "stamp",
    ["", "soon", "2026-02-30T00:00:00Z", "2026-01-02T25:00:00Z", "12", 2**64, 1e30, "02/01/2026"],
)
def test_what_is_no_time(stamp: Stamp) -> None:
    """What cannot be read is null and leaves the others alone."""
    assert parse_times([stamp, "2020-01-01T00:00:00Z"]).is_null().to_list() == [True, False]


def test_nothing() -> None:
    """No stamps, or none but None, give a column of the right type."""
    assert str(parse_times([]).dtype) == "Datetime(time_unit='us', time_zone='UTC')"
    assert parse_times([None]).null_count() == 1


BEYOND: list[Stamp] = [
    "9999-12-31T23:59:59-05:00",
    "0001-01-01T00:00:00+05:00",
    "0001-01-01T00:00:00Z",
    "0999-12-31T23:59:59.999999Z",
    "0000-05-05T00:00:00Z",
    "9999-12-31 23:59:59-05",
    -99_999_999_999_999,
    -9e13,
    "-99999999999999",
]
ENDS: list[Stamp] = ["1000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]


@pytest.mark.parametrize("stamp", BEYOND)
@pytest.mark.parametrize("others", [0, 1, 40])
def test_a_time_that_no_calendar_of_ours_has_is_none(stamp: Stamp, others: int) -> None:
    """Alone, beside a few and beside many it is null; the others are read, also the ends."""
    stamps = [stamp, None, *ENDS * others, *[stamp] * others]
    wanted = [True, True, *[False] * 2 * others, *[True] * others]
    assert parse_times(stamps).is_null().to_list() == wanted
    assert stamp is None or usual_micros(stamp) is None
    assert are_beyond(stamps).to_list() == [True, False, *wanted[2:]]


def test_the_ends_are_moments() -> None:
    """Both can be Python's, and alone they are what they are beside others."""
    assert [at.year for at in parse_times(ENDS)] == [1000, 9999]
    assert [usual_micros(each) for each in ENDS if each] == parse_times(
        ENDS
    ).to_physical().to_list()
    assert not are_beyond(["soon", 5, None, *ENDS]).any()


MOMENTS = st.integers(-30_610_200_000 * 10**6, 253_402_000_000 * 10**6).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1))
def test_iso_text_comes_back(moments: list[tuple[datetime, timezone]]) -> None:
    """Any moment written with any offset is the same moment, to the microsecond."""
    texts: list[Stamp] = [moment.astimezone(zone).isoformat() for moment, zone in moments]
    assert parse_times(texts).to_list() == [moment for moment, _ in moments]


@given(
    st.lists(MOMENTS, min_size=FEW + 1, max_size=40),
    st.integers(0, 6),
    st.sampled_from("T "),
    st.sampled_from(["Z", "+00", "+00:00", "+02", "-05:30"]),
)
def test_texts_of_one_form_are_read_as_any_other(
    moments: list[datetime], digits: int, between: str, offset: str
) -> None:
    """Many texts of one form are the moments that each is alone, and beside another form."""
    written = (moment.isoformat(between, "microseconds")[:26] for moment in moments)
    texts: list[Stamp] = [text[: 20 + digits - (digits == 0)] + offset for text in written]
    many = parse_times(texts).cast(pl.Int64).to_list()
    assert many == [parse_times([text]).cast(pl.Int64)[0] for text in texts]
    assert parse_times([*texts, "2026-01-02"]).cast(pl.Int64).to_list()[:-1] == many


@pytest.mark.parametrize(
    "odd", ["2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z", "x" * 20]
)
def test_one_that_is_no_moment_leaves_many_alone(odd: str) -> None:
    """What has the form of the others and is no moment is null, and the others are read."""
    found = parse_times([*["2024-02-29T01:02:03Z"] * 20, odd])
    assert found.is_null().to_list() == [*[False] * 20, True]
    assert found[0] == datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)
