"""What every metric back end promises, whichever server stands behind it.

A test file of a back end makes a class of `BackendContract` with a fixture ``backend`` that gives a
prepared `core.backends.Backend` on a real server, empty or not (each test uses series of its own),
and a fixture ``served`` that gives the server's version. `Model` says what is right: the same
states merged by DuckDB.
"""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.backends import (
    MERGED,
    MINUTE,
    STATES,
    VALUES,
    Asked,
    Backend,
    KeptFor,
    Points,
    labels_json,
    series_key,
)
from tests.exchanged import Exchanged

KEPT = KeptFor(*(timedelta(days=40_000 + each) for each in range(4)))
"""For ever, nearly; each level another."""

EMPTY_VALUES = pl.DataFrame(schema=VALUES)
_COUNTER = itertools.count()

PARTS = ("n", "sum", "min", "max", "last")
Row = tuple[int, int, list[float]]
"""Number of the series, minute from the start, numbers of its rows (none for counts alone)."""

numbers = st.one_of(
    st.integers(-1_000_000, 1_000_000).map(float),
    st.floats(-1e9, 1e9, allow_nan=False, allow_infinity=False, width=32),
)
rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 11), st.lists(numbers, min_size=1, max_size=4)),
    min_size=1,
    max_size=20,
    unique_by=lambda each: each[:2],
)


def base() -> datetime:
    """A whole hour of the last half day, so that servers with a window take it."""
    now = datetime.now(UTC)
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)


def states(given_rows: Sequence[Row], start: datetime, measure: str | None = None) -> pl.DataFrame:
    """States of rows; series 0 is the total, the others have labels that are hard to write."""
    about = measure or f"t{uuid.uuid4().hex[:12]}/value/x"
    made = []
    for number, minute, values in given_rows:
        labels = labels_json(LABELS[number])
        at = start + minute * MINUTE
        made.append(
            {
                "series": series_key(about, labels),
                "measure": about,
                "labels": labels,
                "minute": at,
                "n": len(values),
                "sum": math.fsum(values),
                "min": min(values),
                "max": max(values),
                "last": values[-1],
                "last_at": at + timedelta(seconds=59, microseconds=999_000),
            }
        )
    return pl.DataFrame(made, schema=STATES)


LABELS: Sequence[Sequence[tuple[str, str]]] = (
    (),
    (("status", "paid"),),
    (("status", "o'b\"r\\ien, a=b\n; DROP TABLE x --"),),
    (("größe x", ""), ("z", "é✓{}[]%")),
)


def merged(frame: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """What is right: the last state of each (series, minute), merged by DuckDB."""
    step = (asked.step or (asked.end - asked.start)) // timedelta(microseconds=1)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("states", frame.with_row_index("nr").to_arrow())
        found = con.sql(
            """
            WITH latest AS (
                SELECT * FROM states WHERE minute >= ? AND minute < ? AND list_contains(?, series)
                QUALIFY row_number() OVER (PARTITION BY series, minute ORDER BY nr DESC) = 1
            )
            SELECT series,
                   time_bucket(to_microseconds(?), minute, ?::TIMESTAMPTZ) AS bucket,
                   sum(n)::BIGINT AS n, fsum(sum) AS sum, min(min) AS min, max(max) AS max,
                   arg_max(last, last_at) AS last, max(last_at) AS last_at
            FROM latest WHERE n <> 0 GROUP BY ALL
            """,
            params=[asked.start, asked.end, list(asked.series), step, asked.start],
        ).to_arrow_table()
    right = pl.DataFrame(found).with_columns(
        pl.col("bucket", "last_at").dt.convert_time_zone("UTC")
    )
    if asked.step is None:
        right = right.with_columns(pl.lit(None, MERGED["bucket"]).alias("bucket"))
    return right.select(pl.col(name).cast(kind) for name, kind in MERGED.items())


def check(backend: Backend, frame: pl.DataFrame, asked: Asked) -> int:
    """The back end's answer is DuckDB's; gives how many merged states were compared."""
    got = backend.read(asked).filter(pl.col("n") != 0).sort("series", "bucket")
    right = merged(frame, asked).sort("series", "bucket")
    assert dict(got.schema) == MERGED
    assert got.select("series", "bucket").rows() == right.select("series", "bucket").rows()
    for part in (*PARTS, "last_at"):
        for mine, other in zip(got[part].to_list(), right[part].to_list(), strict=True):
            if part == "sum":
                assert mine == pytest.approx(other, rel=1e-9, abs=1e-6), part
            elif part == "last_at":
                assert abs(mine - other) < timedelta(milliseconds=1)
            else:
                assert mine == other, (part, got, right)
    return got.height


class BackendContract:
    """Inherit from it; give the fixtures ``backend`` and ``served``."""

    @pytest.fixture
    def kept(self) -> KeptFor:
        """Longer than anything that tests write is old."""
        return KEPT

    def test_random_states_come_back_merged(
        self, backend: Backend, served: str, exchanged: Exchanged
    ) -> None:
        """Whatever minutes are written, steps of any width come back as DuckDB merges them."""
        points = 0

        @settings(
            max_examples=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=(Phase.generate,),  # a server is asked each time; nothing is made smaller
        )
        @given(rows, st.sampled_from([1, 2, 3, 4, 6, 12, None]))
        def holds(given_rows: list[Row], minutes: int | None) -> None:
            nonlocal points
            start = base()
            frame = states(given_rows, start)
            backend.write(Points(frame, EMPTY_VALUES))
            step = None if minutes is None else minutes * MINUTE
            keys = tuple(sorted(set(frame["series"])))
            check(backend, frame, Asked(keys, start, start + 12 * MINUTE, step))
            points += frame.height

        holds()
        assert points > 0
        exchanged("back end", f"{backend.name} {served}", points)

    def test_writing_again_changes_nothing(self, backend: Backend) -> None:
        """The same write twice, as after a crash, counts once."""
        start = base()
        frame = states([(0, 0, [1.0, 2.0]), (1, 0, [5.0]), (0, 3, [4.0])], start)
        for _ in range(2):
            backend.write(Points(frame, EMPTY_VALUES))
        keys = tuple(sorted(set(frame["series"])))
        assert check(backend, frame, Asked(keys, start, start + 4 * MINUTE, 4 * MINUTE)) == 2

    def test_a_corrected_minute_takes_the_place_of_the_first(self, backend: Backend) -> None:
        """Late events make a minute anew; a back end that replaces has the new one only."""
        if not backend.capabilities.replaces:
            pytest.skip("it cannot replace, and says so in its capabilities")
        start, about = base(), f"t{uuid.uuid4().hex[:12]}/value/x"
        first = states([(0, 0, [1.0]), (0, 1, [7.0])], start, about)
        again = states([(0, 0, [1.0, -3.0, 9.0])], start, about)
        backend.write(Points(first, EMPTY_VALUES))
        backend.write(Points(again, EMPTY_VALUES))
        keys = tuple(set(first["series"]))
        check(backend, pl.concat([first, again]), Asked(keys, start, start + 2 * MINUTE, MINUTE))
        check(backend, pl.concat([first, again]), Asked(keys, start, start + 2 * MINUTE))

    def test_a_minute_that_was_taken_back_counts_no_more(self, backend: Backend) -> None:
        """A state of no rows takes back what was sent before."""
        if not backend.capabilities.replaces:
            pytest.skip("it cannot replace, and says so in its capabilities")
        start, about = base(), f"t{uuid.uuid4().hex[:12]}/value/x"
        first = states([(0, 0, [1.0]), (0, 1, [7.0])], start, about)
        gone = first.head(1).with_columns(
            pl.lit(0, pl.Int64).alias("n"),
            *(pl.lit(None, STATES[name]).alias(name) for name in ("min", "max", "last", "last_at")),
            pl.lit(0.0).alias("sum"),
        )
        backend.write(Points(first, EMPTY_VALUES))
        backend.write(Points(gone, EMPTY_VALUES))
        keys = tuple(set(first["series"]))
        # minima and maxima belong to measures that only grow: nothing of them is taken back
        got = backend.read(Asked(keys, start, start + 2 * MINUTE, None, frozenset({"n", "sum"})))
        assert got["n"].to_list() == [1]
        assert got["sum"].to_list() == [7.0]

    def test_hours_are_those_of_the_minutes(self, backend: Backend) -> None:
        """Wide steps over a day, as DuckDB has them; also after minutes came late or went."""
        start, about = base() - timedelta(hours=26), f"t{uuid.uuid4().hex[:12]}/value/x"
        places = range(0, 26 * 60, 7)
        whole = pl.concat(
            states([(place % 2, 0, [place / 4, -1.0])], start + place * MINUTE, about)
            for place in places
        )
        for part in whole.iter_slices(100):
            backend.write(Points(part, EMPTY_VALUES))
        frames = [whole]
        if backend.capabilities.replaces:
            late = [(0, 0, [-500.0, 1e6]), (0, 181, [3.0]), (1, 1_001, [4.0])]
            frames += [
                states([(number, 0, rows)], start + place * MINUTE, about)
                for number, place, rows in late
            ]
            for each in frames[1:]:
                backend.write(Points(each, EMPTY_VALUES))
        keys = tuple(sorted(set(whole["series"])))
        for hours in (1, 2, 13, None):
            step = None if hours is None else timedelta(hours=hours)
            asked = Asked(keys, start, start + timedelta(hours=26), step)
            assert check(backend, pl.concat(frames), asked) > 1
        odd = Asked(keys, start + 3 * MINUTE, start + timedelta(hours=25), None)
        assert check(backend, pl.concat(frames), odd) == 2

    def test_series_without_numbers_are_counted(self, backend: Backend) -> None:
        """Counts have no sum, min, max and last; they come back as nulls or not at all."""
        start = base()
        frame = states([(0, 0, [1.0]), (0, 2, [2.0])], start).with_columns(
            pl.lit(None, STATES[name]).alias(name) for name in ("sum", "min", "max", "last")
        )
        backend.write(Points(frame, EMPTY_VALUES))
        keys = tuple(set(frame["series"]))
        got = backend.read(Asked(keys, start, start + 3 * MINUTE, 3 * MINUTE, frozenset({"n"})))
        assert got["n"].to_list() == [2]

    def test_an_unknown_series_has_nothing(self, backend: Backend) -> None:
        """A question about what was never written is answered with nothing, not with an error."""
        start = base()
        got = backend.read(Asked((series_key("no", "{}"),), start, start + MINUTE, MINUTE))
        assert got.height == 0
        assert dict(got.schema) == MERGED

    def test_it_is_told_how_long_to_keep(self, backend: Backend, kept: KeptFor) -> None:
        """Said twice it changes nothing, and what is younger stays."""
        start = base()
        frame = states([(0, 0, [1.0]), (0, 1, [7.0])], start)
        backend.write(Points(frame, EMPTY_VALUES))
        for _ in range(2):
            backend.retain(kept)
        keys = tuple(set(frame["series"]))
        assert check(backend, frame, Asked(keys, start, start + 2 * MINUTE, MINUTE)) == 2
        assert backend.shortfall(kept) == ""

    def test_it_says_what_it_is_and_keeps_secrets(self, backend: Backend, served: str) -> None:
        """Health has the version; no repr or address has a password (``s3cret`` in tests)."""
        health = backend.health()
        assert health.ok, health.problem
        assert health.version in served or served in health.version
        assert "s3cret" not in repr(backend) + str(backend.address) + repr(vars(backend).keys())
