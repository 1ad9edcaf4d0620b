"""Live tables against a plain dictionary: any order of puts, deletes, folds and reopenings."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from datawatch_lab.core.values import Column, Role
from datawatch_lab.store import DuckStore, live_put
from datawatch_lab.store.live_state import NO_KEYS, LiveTable, highest_of
from tests.store.builders import NOON, make_commit
from tests.store.live_builders import SHOP, by_key, fold_all, put_rows, read, view, with_columns

KEYS = st.tuples(st.sampled_from([0, 1, -1]), st.integers(-3, 3))
NUMBERS = st.tuples(st.just(0), st.integers(-3, 3) | st.integers(4, 12))
ROWS = st.fixed_dictionaries(
    {"id": st.integers(-3, 3)},
    optional={
        "amount": st.sampled_from([None, "1.50", "2.25", "3", "1e3"]),
        "note": st.sampled_from([None, "a", "b"]),
        "late": st.integers(0, 5),
    },
)
TABLE = with_columns(
    SHOP,
    Column(name="id", type="integer"),
    Column(name="amount", type="number", role=Role.NUMERIC),
    Column(name="note"),
    Column(name="late", type="integer"),
)
FIELDS = [column.name for column in TABLE.columns]


def versions_in(mirror: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Keys of a mirror's rows with the version that holds."""
    return sorted(mirror.select("k_hi", "k_lo", "seq", "gone").rows()) if mirror.width else []


def stored_versions(store: DuckStore, table: LiveTable) -> list[tuple[Any, ...]]:
    """The same of the delta in the file."""
    with store._file.readers.cursor() as con:
        sql = f"SELECT k_hi, k_lo, seq, gone FROM {table.delta}"
        return sorted(con.execute(sql).fetchall())


def largest_in(con: duckdb.DuckDBPyConnection, place: str) -> int:
    """The largest lower half of a key in one table of the file."""
    (found,) = con.execute(f"SELECT max(k_lo) FROM {place}").fetchall()[0]
    return NO_KEYS if found is None else int(found)


class LiveMachine(RuleBasedStateMachine):
    """The store, and what it must hold."""

    asked: ClassVar = [(hi, lo) for hi in (0, 1, -1) for lo in range(-3, 4)]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "shop.duckdb"
        self.store = DuckStore.open(self.path, read_threads=1)
        self.model: dict[tuple[int, int], dict[str, Any] | None] = {}
        self.steps = 0

    @initialize()
    def begin(self) -> None:
        """The table is known before it has rows."""
        self.store.commit(make_commit(tables=[TABLE]))

    @rule(rows=st.dictionaries(KEYS, st.none() | ROWS, min_size=1, max_size=6))
    def change(self, rows: dict[tuple[int, int], dict[str, Any] | None]) -> None:
        """Put whole rows and take some away."""
        self.put(rows)

    def put(self, rows: dict[tuple[int, int], dict[str, Any] | None]) -> None:
        """Rows by key in a commit of their own, None for one that is taken away."""
        self.steps += 1
        at = NOON + timedelta(minutes=self.steps)
        self.store.commit(make_commit(live=[put_rows(rows, TABLE, at=at)]))
        for key, row in rows.items():
            self.model[key] = row and {name: row.get(name) for name in FIELDS}

    @rule()
    def fold(self) -> None:
        """Move everything to the base."""
        fold_all(self.store)

    @rule(least=st.integers(1, 8))
    def fold_some(self, least: int) -> None:
        """Fold when it is worth so much."""
        self.store.compact_live(least=least)

    @rule()
    def forget(self) -> None:
        """Forget what was deleted: no event that old can come any more."""
        fold_all(self.store)
        for _ in range(2):
            self.store.compact_live(NOON + timedelta(days=1))
        self.model = {key: row for key, row in self.model.items() if row is not None}

    @rule()
    def start_over(self) -> None:
        """The key has changed."""
        self.store.commit(make_commit(live=[put_rows({}, TABLE, restart=True)]))
        self.model = {}

    @rule()
    def reopen(self) -> None:
        """What is remembered must be what is stored."""
        self.store.close()
        self.store = DuckStore.open(self.path, read_threads=1)

    @invariant()
    def rows_by_key_agree(self) -> None:
        """Also of keys that are gone or not known."""
        assert _comparable(read(self.store, self.asked, FIELDS, TABLE)) == _comparable(self.model)

    @invariant()
    def mirrors_agree(self) -> None:
        """What is remembered of the delta is what stands in the file."""
        for stored in self.store._live.tables.values():
            if stored.mirror is not None:
                assert versions_in(stored.mirror) == stored_versions(self.store, stored)

    @invariant()
    def bounds_hold(self) -> None:
        """No key is larger than what is said of them."""
        for stored in self.store._live.tables.values():
            places = [stored.base] * stored.has_base + [stored.graves] * stored.has_graves
            with self.store._file.readers.cursor() as con:
                largest = highest_of(con, stored)
                settled = [largest_in(con, place) for place in places]
            assert stored.highest is None or (stored.narrow and stored.highest >= largest)
            assert stored.settled is None or stored.settled >= max(settled, default=NO_KEYS)

    @invariant()
    def the_view_agrees(self) -> None:
        """The same rows as the model's, and as a scan gives."""
        live = {key: row for key, row in self.model.items() if row is not None}
        shown = view(self.store, "id, note, late", order="ALL")
        expected = [(row["id"], row["note"], row["late"]) for row in live.values()]
        assert sorted(map(str, shown)) == sorted(map(str, expected))
        assert self.store.live_count(TABLE) == len(live)
        scanned: dict[Any, Any] = {}
        for chunk in self.store.live_scan(TABLE, FIELDS):
            scanned |= by_key(chunk)
        assert _comparable(scanned) == _comparable(live)

    def teardown(self) -> None:
        """Close and remove."""
        self.store.close()
        self.folder.cleanup()


def _comparable(rows: dict[Any, Any]) -> dict[Any, Any]:
    """Rows with amounts as numbers: which type a column of both has is not the point here."""
    return {
        key: row and {**row, "amount": None if row["amount"] is None else float(row["amount"])}
        for key, row in rows.items()
    }


TestLive = LiveMachine.TestCase
TestLive.settings = settings(
    deadline=None,
    max_examples=12,
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.too_slow],
)


class NarrowMachine(LiveMachine):
    """Keys are whole numbers, of which the largest is known, also after reopening."""

    asked: ClassVar = [(0, lo) for lo in range(-3, 13)]

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(live_put, "_WORTH_A_LOOK", 1)
        super().__init__()

    @rule(rows=st.dictionaries(NUMBERS, st.none() | ROWS, min_size=1, max_size=6))
    def change(self, rows: dict[tuple[int, int], dict[str, Any] | None]) -> None:
        """Put whole rows and take some away, and know the largest key then."""
        self.put(rows)
        assert self.store._live.tables[TABLE.id].highest is not None

    def teardown(self) -> None:
        """Close and remove."""
        self.patch.undo()
        super().teardown()


TestNarrow = NarrowMachine.TestCase
TestNarrow.settings = TestLive.settings
