"""The history of schemas of an engine: a derivation of the log with a cursor, in its own thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.plans import plan_named
from datawatch_lab.core.schema_changes import (
    Kind,
    SchemaChange,
    SchemaShape,
    Snapshot,
    qualified,
)
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.brought import Backlog, Part
from datawatch_lab.engine.schema.events import ddl_event, kind_of, samples, windows
from datawatch_lab.engine.schema.references import references_of
from datawatch_lab.engine.schema.usual import take_usual
from datawatch_lab.ingest.telemetry.streams import stream_of
from datawatch_lab.schema.folding import applied
from datawatch_lab.schema.inference import Likeness, first_sight, read_findings, read_kinds
from datawatch_lab.schema.presence import FIRST_ROWS, TableState, advance, kinds_follow
from datawatch_lab.schema.reading import order, read_event, shape_at

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

WINDOW = 50_000
"""Events that are read at a time."""

_HELD_EVENTS = 200_000
_HELD_PARTS = 2_000
"""Events and commits that wait to be looked at; what comes beyond is read from the log."""

_PAUSE_SECONDS = 0.2
_SAVE_SECONDS = 30.0
_SAVE_EVENTS = 200_000
_FRESH = timedelta(hours=1)
_NEAR = 20_000
_FEW = 100
_NO_SHAPE = (Kind.DESCRIBE, Kind.OTHER)

Listener = Callable[[Sequence[SchemaChange]], None]


class SchemaLog:
    """What became of the schemas; one per engine, ``engine.beside(SchemaLog)``.

    The thread of its own reads what commits add to the log. What it finds is stored with the
    cursor, in one transaction; so after a kill the same part of the log is read again, and gives
    the same changes under the same ids.

    Attributes:
        cursor: sequence number up to which the log was read.
        snapshots: named moments, by name.
    """

    def __init__(self, engine: Engine) -> None:
        stored = engine.store.schema.stored()
        self._engine = engine
        self.cursor = self._saved = stored.cursor
        self._saved_at = time.monotonic()
        self.snapshots = {each.name: each for each in stored.snapshots}
        self._changes = tuple(sorted(stored.changes, key=order))
        self._ids = {each.id for each in stored.changes}
        self._shape = shape_at(self._changes)
        self._states = {
            table: msgspec.json.decode(text, type=TableState)
            for table, text in stored.states.items()
        }
        self._dirty: set[int] = set()
        self._parts = Backlog(_HELD_EVENTS, _HELD_PARTS)
        self._listeners: list[Listener] = []
        self._moved = threading.Condition()
        self._closing = False
        self.problem = ""
        self._thread: threading.Thread | None = None
        if engine.settings.track_schema and "schema" in plan_named(engine.settings.plan).features:
            self._unsubscribe = engine.subscribe(lambda _: self._wake())
            self._forget = engine.on_batches(self._note)
            self._let_go = engine.hold_log(lambda: self.cursor)
            self._thread = threading.Thread(target=self._run, name="datawatch-schema", daemon=True)
            self._thread.start()

    # ------------------------------------------------------------------ asking

    @property
    def is_on(self) -> bool:
        """Whether changes are recorded."""
        return self._thread is not None

    @property
    def changes(self) -> tuple[SchemaChange, ...]:
        """All recorded changes in order of event time, descriptions included."""
        return self._changes

    def shape(self, at: datetime | None = None) -> SchemaShape:
        """The schema as of a time; now for None."""
        return self._shape if at is None else shape_at(self._changes, at)

    def between(
        self, start: datetime | None, end: datetime | None, table: str = ""
    ) -> list[SchemaChange]:
        """Changes of shapes in [start, end], oldest first, for annotations of charts.

        Args:
            start: event time; None for no bound.
            end: the same.
            table: qualified name of the source; '' for all.

        Returns:
            Neither descriptions nor statements that change no shape, nor what a later finding
            explains better.
        """
        explained = {old for each in self._changes for old in each.supersedes}
        return [
            each
            for each in self._changes
            if each.step.kind not in _NO_SHAPE
            and each.id not in explained
            and (start is None or each.at >= start)
            and (end is None or each.at <= end)
            and (not table or table in names_of(each))
        ]

    def wait(self, seq: int, timeout: float = 10.0) -> bool:
        """Wait until the log was read up to a number; False when that took too long."""
        with self._moved:
            return (
                self._moved.wait_for(
                    lambda: self.cursor >= seq or self._closing or not self.is_on, timeout
                )
                and self.cursor >= seq
            )

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a function with new changes, when they are stored; gives what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def name(self, snapshot: Snapshot) -> None:
        """Keep a named snapshot."""
        self._engine.store.schema.put_snapshot(snapshot)
        self.snapshots = {**self.snapshots, snapshot.name: snapshot}

    # ------------------------------------------------------------------ reading

    def close(self) -> None:
        """Read what is in the log, store how far that was, and end."""
        with self._moved:
            self._closing = True
            self._moved.notify_all()
        if self._thread is not None:
            self._unsubscribe()
            self._forget()
            self._thread.join()
            self._parts.clear()
            self._let_go()

    def _wake(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _note(self, after: int, upto: int, batches: Sequence[TableBatch]) -> None:
        """Keep the rows of a commit until they are looked at; in the writer's thread."""
        self._parts.put(Part(after, upto, batches))

    def _run(self) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._closing or self._behind, timeout=1.0)
                closing = self._closing
            try:
                while self._behind and (not self._closing or closing):
                    self._go_on()
                self._save_when_due(always=closing)
                self.problem = ""
            except WorkspaceError as error:
                self.problem = str(error)
                if not closing:
                    log.info("the history of schemas stops here; it goes on at the next opening")
                self._forget()
                self._parts.clear()
                return
            except Exception as error:
                self.problem = str(error)
                log.exception("changes of schemas could not be read; it is tried again")
                self._restore()
            if closing:
                return
            self._pause(_PAUSE_SECONDS)

    def _pause(self, seconds: float) -> None:
        """Rest for so long, or until it is to end."""
        with self._moved:
            self._moved.wait_for(lambda: self._closing, timeout=seconds)

    @property
    def _behind(self) -> bool:
        return self.cursor < self._engine.last_seq

    def _restore(self) -> None:
        """Begin again from what is stored: half-read rows must not count twice."""
        stored = self._engine.store.schema.stored()
        self._states = {
            table: msgspec.json.decode(text, type=TableState)
            for table, text in stored.states.items()
        }
        self.cursor = self._saved = stored.cursor
        self._dirty.clear()
        self._changes = tuple(sorted(stored.changes, key=order))
        self._ids = {each.id for each in stored.changes}
        self._shape = shape_at(self._changes)
        self._pause(_PAUSE_SECONDS * 10)

    def _go_on(self) -> None:
        """Take the next commit as it came, if it is here; else the log."""
        end = self._engine.last_seq
        part, first = self._parts.take(self.cursor)
        if part is not None:
            end = part.upto
            if self._take_part(part):
                return
        elif first is not None:
            end = min(end, first)
        self._read(min(self.cursor + WINDOW, end))

    def _take_part(self, part: Part) -> bool:
        """Take a commit in by its columns, and by the log what they do not tell.

        False for one that has more than row changes.
        """
        store, after, upto = self._engine.store.schema, part.after, part.upto
        types_of = lambda fields: store.row_types(fields, after, upto)  # noqa: E731
        taken = take_usual(part, self._states, types_of)
        if taken is None:
            return False
        self._dirty |= taken.tables
        made: list[SchemaChange] = []
        tables = {each.id: each for each in self._engine.tables()}
        if taken.unlike:
            ids = sorted(taken.unlike)
            rows, kinds = store.row_fields(after, upto, ids), store.row_kinds(after, upto, ids)
            made += self._of_rows(rows, kinds, tables)
        if taken.untold:
            kinds = store.row_kinds(after, upto, sorted(taken.untold))
            made += self._of_kinds(kinds, tables, partial(self._source_of, part))
        self._reach(upto, made)
        return True

    def _source_of(self, part: Part, table_id: int) -> str:
        """The source of the last row that a commit brought of a table."""
        rows = self._engine.store.schema.row_fields(part.after, part.upto, [table_id])
        return str(rows["source"][-1])

    def _read(self, to: int) -> None:
        """Read the log up to a number; changes are stored at once."""
        store, after = self._engine.store, self.cursor
        tables = {each.id: each for each in self._engine.tables()}
        ddl = store.schema.events(after, to)
        rows = self._of_sources(store.schema.row_fields(after, to), tables)
        kinds = self._of_sources(store.schema.row_kinds(after, to), tables)
        made: list[SchemaChange] = []
        start = after
        for row in [*ddl.iter_rows(named=True), None]:
            end = row["seq"] if row is not None else to
            within = pl.col("seq").is_between(start + 1, end)
            made += self._of_rows(rows.filter(within), kinds.filter(within), tables)
            if row is not None:
                made += self._of_event(row, tables.get(row["table_id"]))
            start = end
        self._reach(to, made)

    def _reach(self, to: int, made: Sequence[SchemaChange]) -> None:
        """All up to a number is done: changes are stored and told."""
        if made:
            self._store(to, made)
        with self._moved:
            self.cursor = to
            self._moved.notify_all()
        self._save_when_due()
        if made:
            self._tell(made)

    def _of_sources(self, rows: pl.DataFrame, tables: dict[int, TableInfo]) -> pl.DataFrame:
        """Rows but those of telemetry streams, whose fields come and go as they are sent."""
        ours = [each.id for each in tables.values() if not stream_of(each.schema, each.table)]
        return rows.filter(pl.col("table_id").is_in(ours))

    def _of_event(self, row: dict[str, object], table: TableInfo | None) -> list[SchemaChange]:
        event = ddl_event(row, table)
        made: list[SchemaChange] = []
        if table is not None and table.id in self._states:
            made += self._seen_first(table, self._states[table.id], event.source)
        late = bool(self._changes) and event.at < self._changes[-1].at
        before = shape_at(self._changes, event.at) if late else self._shape
        return made + self._take(read_event(event, before))

    def _of_rows(
        self, rows: pl.DataFrame, kinds: pl.DataFrame, tables: dict[int, TableInfo]
    ) -> list[SchemaChange]:
        made: list[SchemaChange] = []
        sources: dict[int, str] = {}
        for id_, source, window in windows(rows):
            table, sources[id_] = tables[id_], source
            state = self._states.setdefault(id_, TableState())
            self._dirty.add(id_)
            findings = advance(state, window)
            if state.rows >= FIRST_ROWS and not state.described:
                made += self._seen_first(table, state, source)
                state.described = True
            if findings:
                name = qualified(table.schema, table.table)
                alike = partial(self._alike, id_)
                made += self._take(read_findings(name, findings, state, self._shape, source, alike))
        return made + self._of_kinds(kinds, tables, sources.__getitem__)

    def _of_kinds(
        self,
        kinds: pl.DataFrame,
        tables: Mapping[int, TableInfo],
        source_of: Callable[[int], str],
    ) -> list[SchemaChange]:
        made: list[SchemaChange] = []
        for id_, listed in samples(kinds):
            found = kinds_follow(self._states[id_], listed)
            if found:
                name = qualified(tables[id_].schema, tables[id_].table)
                made += self._take(list(read_kinds(name, found, self._shape, source_of(id_))))
        return made

    def _seen_first(self, table: TableInfo, state: TableState, source: str) -> list[SchemaChange]:
        """The columns of a table that nobody told of, from its first rows."""
        name = qualified(table.schema, table.table)
        known = self._shape.tables.get(name)
        if state.described or (known is not None and not known.partial):
            return []
        seen = first_sight(name, state, source)
        return self._take([seen] if seen is not None else [])

    def _alike(self, table_id: int, old: str, new: str, seq: int, until: int) -> Likeness:
        """How alike the values of two columns before and after a row are."""
        store = self._engine.store
        before, was = store.schema.row_values(table_id, old, max(seq - _NEAR, 0), seq - 1)
        after, now = store.schema.row_values(table_id, new, seq - 1, until)
        many = not before or not after or len(before) > _FEW or len(after) > _FEW
        values = None if many else len(before & after) / len(after)
        return Likeness(values, *(kind_of(each) for each in (was, now)))

    def _take(self, changes: Sequence[SchemaChange]) -> list[SchemaChange]:
        """Keep changes that are new, with what they touch; gives them."""
        made = []
        for each in changes:
            if each.id in self._ids:
                continue
            whole = self._judged(each)
            self._ids.add(each.id)
            last = self._changes[-1] if self._changes else None
            self._changes = (*self._changes, whole)
            if last is not None and order(whole) < order(last):
                self._changes = tuple(sorted(self._changes, key=order))
                self._shape = shape_at(self._changes)
            else:
                self._shape = applied(self._shape, whole.step)
            made.append(whole)
        return made

    def _judged(self, change: SchemaChange) -> SchemaChange:
        if change.step.kind in _NO_SHAPE:
            return change
        now = self._engine.clock.now()
        return msgspec.structs.replace(
            change,
            references=references_of(self._engine, change.step, self._shape),
            alerting=change.impact == "breaking"
            and self._engine.settings.alert_on_breaking
            and now - change.at <= _FRESH,
        )

    # ------------------------------------------------------------------ storing and telling

    def _store(self, cursor: int, made: Sequence[SchemaChange]) -> None:
        states = {id_: msgspec.json.encode(self._states[id_]) for id_ in self._dirty}
        self._engine.store.schema.save(cursor, made, states)
        self._dirty.clear()
        self._saved, self._saved_at = cursor, time.monotonic()

    def _save_when_due(self, *, always: bool = False) -> None:
        """Store the cursor now and then: without changes there is nothing to lose but time."""
        behind = self.cursor - self._saved
        old = time.monotonic() - self._saved_at > _SAVE_SECONDS
        if behind and (always or old or behind > _SAVE_EVENTS):
            self._store(self.cursor, ())

    def _tell(self, made: Sequence[SchemaChange]) -> None:
        for each in made:
            if each.alerting:
                target = ".".join(filter(None, (each.step.table, each.step.name)))
                log.warning("breaking schema change: %s of %s", each.step.kind, target)
        for listener in tuple(self._listeners):
            try:
                listener(made)
            except Exception:
                log.exception("a listener of schema changes failed")


def names_of(change: SchemaChange) -> Iterator[str]:
    """The tables that a change is about: both names of one that is renamed."""
    yield change.step.table
    if change.step.kind is Kind.RENAME_TABLE:
        yield (change.step.after or {})["table"]
