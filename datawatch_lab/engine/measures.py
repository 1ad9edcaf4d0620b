"""The first derivation: from row changes to field roles, measures and their partial states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, zip_longest
from typing import TypeVar

import msgspec
import pyarrow as pa

from datawatch_lab.core.batches import (
    BIN_SCHEMA,
    PARTIAL_SCHEMA,
    REGISTER_SCHEMA,
    MeasureAppends,
    TableBatch,
)
from datawatch_lab.core.columns import no_rows
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import Catalogue, Store
from datawatch_lab.core.values import (
    Aggregation,
    MeasureDef,
    MeasureKind,
    MetricDef,
    SeriesDef,
    Stated,
    TableInfo,
)
from datawatch_lab.engine.custom import CustomMetrics
from datawatch_lab.engine.history import History
from datawatch_lab.engine.live import Changed, LiveResult, LiveTables
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.understanding import may_differ, understood
from datawatch_lab.metrics.book import SeriesBook, label_name
from datawatch_lab.metrics.catalogue import metrics_of, reconcile
from datawatch_lab.metrics.current import CURRENT, derive_all_current, derive_current
from datawatch_lab.metrics.current import Task as Moved
from datawatch_lab.metrics.evidence import Evidence, observe_all
from datawatch_lab.metrics.query import aggregations
from datawatch_lab.metrics.stage import Task, derive, derive_all, split_fields

Due = TypeVar("Due")

_SPLIT = (MeasureKind.CHANGES, MeasureKind.VALUE)


@dataclass
class Derived:
    """What a batch changes in the derivation; kept only once it is stored."""

    tables: list[TableInfo] = field(default_factory=list)  # new or changed
    made: dict[int, dict[int, MeasureDef]] = field(default_factory=dict)  # by table id, then id
    dropped: list[int] = field(default_factory=list)
    dropped_series: list[int] = field(default_factory=list)
    evidence_of: dict[int, Evidence] = field(default_factory=dict)
    appends: MeasureAppends | None = None
    new_series: tuple[SeriesDef, ...] = ()
    live: list[LiveResult] = field(default_factory=list)
    understood: dict[int, Stated] = field(default_factory=dict)  # by table id, with what was stated

    @property
    def new_measures(self) -> list[MeasureDef]:
        """Those that the commit makes."""
        return [each for of_table in self.made.values() for each in of_table.values()]

    def make(self, measures: Iterable[MeasureDef]) -> None:
        """Add new or changed measures."""
        for each in measures:
            self.made.setdefault(each.table_id, {})[each.id] = each

    @property
    def evidence(self) -> dict[int, bytes]:
        """Role evidence by table id, as it is stored."""
        return {
            table_id: msgspec.msgpack.encode(each) for table_id, each in self.evidence_of.items()
        }


class Measures:
    """Knows measures, series and role evidence; derives from batches, back-fills from the log.

    Roles rest on the first rows of a table, so measures may appear and vanish while those come in.
    A new measure is back-filled from the log in the commit that makes it; so the outcome does not
    depend on when a role became clear.
    """

    def __init__(self, store: Store, known: Catalogue, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._defs = {each.id: each for each in known.measures}
        self._every = tuple(self._defs.values())
        self._of_table: dict[int, dict[int, MeasureDef]] = {}
        for each in known.measures:
            self._of_table.setdefault(each.table_id, {})[each.id] = each
        self._next_id = max(self._defs, default=0) + 1
        self._evidence = {
            table_id: msgspec.msgpack.decode(data, type=Evidence)
            for table_id, data in known.evidence.items()
        }
        self.history = History(store, known.ordered)
        self.live = LiveTables(store, self.history.as_batch)
        self.book = SeriesBook(known.series, max_label_sets=settings.max_label_sets)
        self._named: dict[str, MetricDef] | None = None
        self.custom = CustomMetrics(self, store, settings)
        self._understood_with = {
            each.id: each.stated for each in known.tables if not may_differ(each, settings)
        }

    @property
    def all(self) -> tuple[MeasureDef, ...]:
        """Every measure there is; the same tuple until that changes."""
        return self._every

    def metrics(self, tables: Sequence[TableInfo]) -> Mapping[str, MetricDef]:
        """Metrics by name, for the tables of the workspace."""
        named = self._named
        if named is None:
            automatic = {each.name: each for each in metrics_of(tables, self.custom.names)}
            named = self._named = automatic | self.custom.metrics(automatic)
        return named

    def forget_names(self) -> None:
        """The metrics are no longer those that were last asked for."""
        self._named = None

    def new_id(self) -> int:
        """An id for a measure that the next commit makes."""
        self._next_id += 1
        return self._next_id - 1

    def aggregations(self, metric: MetricDef) -> tuple[Aggregation, ...]:
        """Aggregations that make sense for a metric."""
        return aggregations(metric)

    def derive(
        self, batches: Sequence[TableBatch], registry: TableRegistry, last_seq: int
    ) -> Derived:
        """Derive a commit's batches; ``registry`` is brought up to date with roles and keys.

        Args:
            batches: in order of sequence number.
            registry: of the plan; changed in place.
            last_seq: sequence number up to which the log is stored.
        """
        derived = Derived()
        parts = list(self.custom.bring(derived, registry, last_seq))
        by_table: dict[int, list[TableBatch]] = {}
        for each in batches:
            by_table.setdefault(each.table.id, []).append(each)
        for other in registry:  # what is stated of a table may change without a row
            if self._understood_with.get(other.id) is not other.stated:
                by_table.setdefault(other.id, [])
        seen = self._observed(by_table)
        changed: list[Changed] = []
        for table_id, mine in by_table.items():
            before = registry[table_id]
            table = self._understood(before, seen.get(table_id), derived)
            if table != before:
                registry.replace(table)
                derived.tables.append(table)
            current = [replace(each, table=table) for each in mine]
            past = self.history.past(table, last_seq)
            changed.append(Changed(before, table, current, past))
        tasks: list[list[Task]] = []
        moved: list[list[Moved]] = []
        for one, live in zip(changed, self._lived(changed), strict=True):
            if live is not None:
                derived.live.append(live)
                if live.restarted:
                    self._drop_current(one.table.id, derived)
            parts += self._reconciled(one.before, one.table, derived, last_seq)
            wanted = self._present(derived, one.table.id)
            tasks.append([Task(each, wanted) for each in one.batches])
            moved.append([Moved(each, wanted) for each in (live.transitions if live else ())])
        for due in _turns(tasks):
            parts.append(derive_all(due, self.book, self._settings))
        parts += [derive_all_current(due, self.book) for due in _turns(moved)]
        derived.appends = _joined(parts)
        derived.new_series = self.book.pending
        return derived

    def _lived(self, changed: Sequence[Changed]) -> list[LiveResult | None]:
        """What becomes of live tables; of those without changes or a new key nothing does."""
        told = [bool(each.batches) or each.before.key != each.table.key for each in changed]
        made = iter(self.live.change(list(compress(changed, told))))
        return [next(made) if one else None for one in told]

    def watched(self, table_id: int, derived: Derived) -> list[MeasureDef]:
        """Measures of a table that were there before the commit and are after it."""
        gone = set(derived.dropped)
        there = self._of_table.get(table_id, {})
        return [m for m in there.values() if m.id not in gone]

    def rebuild_live(self, table: TableInfo, last_seq: int) -> Derived:
        """The live table of one table and its current-state measures, made anew from the log."""
        derived = Derived()
        live = self.live.rebuild(table, self.history.past(table, last_seq))
        derived.live.append(live)
        self._drop_current(table.id, derived)
        made, _ = reconcile([table], self._present(derived, table.id), next_id=self._next_id)
        derived.make(each for each in made if each.kind in CURRENT)
        self._next_id = max([self._next_id, *(each.id + 1 for each in made)])
        wanted = self._present(derived, table.id)
        derived.appends = _joined(
            [derive_current(each, wanted, self.book) for each in live.transitions]
        )
        derived.new_series = self.book.pending
        return derived

    def _drop_current(self, table_id: int, derived: Derived) -> None:
        """Let measures of the current state begin anew."""
        stale = [m.id for m in self._present(derived, table_id) if m.kind in CURRENT]
        self._drop(stale, derived)

    def keep(self, derived: Derived) -> None:
        """The commit is stored."""
        self.live.keep(derived.live)
        self.book.commit()
        self.book.drop(derived.dropped)
        if derived.dropped_series:
            self.book.drop_series(derived.dropped_series)
        self._evidence |= derived.evidence_of
        self._understood_with |= derived.understood
        for measure_id in derived.dropped:
            gone = self._defs.pop(measure_id, None)
            if gone is not None:
                del self._of_table[gone.table_id][measure_id]
        new = derived.new_measures
        for each in new:
            self._defs[each.id] = each
            self._of_table.setdefault(each.table_id, {})[each.id] = each
        if derived.dropped or new:
            self._every = tuple(self._defs.values())
        if derived.tables:
            self._named = None
        self.custom.kept()

    def roll_back(self) -> None:
        """The commit failed."""
        self.book.rollback()
        self.custom.failed()

    def _observed(self, by_table: Mapping[int, Sequence[TableBatch]]) -> dict[int, Evidence]:
        """What the rows of tables tell so far, by table id; tables without any are left out."""
        seen: dict[int, Evidence] = {}
        for turn in _turns(list(by_table.values())):
            ids = [each.table.id for each in turn]
            before = [seen.get(each, self._evidence.get(each)) for each in ids]
            told = observe_all(before, turn, self._settings.role_sample)
            seen |= zip(ids, told, strict=True)
        return seen

    def _understood(self, table: TableInfo, seen: Evidence | None, derived: Derived) -> TableInfo:
        """The table as it is with what is stated of it and what its rows so far tell."""
        evidence = self._evidence.get(table.id)
        told = evidence if seen is None else seen
        if told is not None and told != evidence:
            derived.evidence_of[table.id] = told
        elif self._understood_with.get(table.id) is table.stated:
            return table
        derived.understood[table.id] = table.stated
        return understood(table, told, self._settings)

    def _present(self, derived: Derived, table_id: int) -> list[MeasureDef]:
        """Measures of a table as they are after the commit, as far as it is derived."""
        gone = set(derived.dropped)
        every = self._of_table.get(table_id, {}) | derived.made.get(table_id, {})
        return [m for m in every.values() if m.id not in gone]

    def _reconciled(
        self, before: TableInfo, table: TableInfo, derived: Derived, last_seq: int
    ) -> list[MeasureAppends]:
        """Make the measures that a table needs now, and fill them from the log.

        Those of the current state are not filled when the live table starts anew: its transitions
        tell everything.
        """
        restarted = any(
            each.restarted and each.change.table.id == table.id for each in derived.live
        )
        old, new = set(split_fields(before)), set(split_fields(table))
        present = self._present(derived, table.id)
        gone_labels = {label_name(name) for name in old - new}
        if gone_labels:  # they would be counted twice if they came back
            split = [m.id for m in present if m.kind in _SPLIT]
            derived.dropped_series += [
                id_ for each in split for id_ in self.book.split_by(each, gone_labels)
            ]
        made, gone = reconcile([table], present, next_id=self._next_id)
        self._drop(gone, derived)
        self._next_id = max([self._next_id, *(each.id + 1 for each in made)])
        derived.make(made)
        added = sorted(new - old)
        # a field that no row had before has no history; a label has: those rows are (missing)
        known = {"", *(column.name for column in before.columns)}
        # … and so have the states: those rows are in (null)
        past = [each for each in made if each.field in known or each.kind is MeasureKind.STATE]
        if last_seq == 0 or not (past or added):
            return []
        kept = [m for m in present if m.id not in set(gone)]
        parts = []
        for batch in self.history.batches(table, 0, last_seq):
            if past:
                parts.append(derive(batch, past, self.book, self._settings))
            if added:
                parts.append(
                    derive(batch, kept, self.book, self._settings, split_by=added, totals=False)
                )
        current = [each for each in past if each.kind in CURRENT]
        if current and not restarted:
            fields = [each.field for each in current]
            steps = self.live.history(table, fields, self.history.past(table, last_seq))
            parts += [derive_current(each, current, self.book) for each in steps]
        return parts

    def _drop(self, measure_ids: Sequence[int], derived: Derived) -> None:
        if not measure_ids:
            return
        derived.dropped += measure_ids
        for of_table in derived.made.values():
            for each in measure_ids:
                of_table.pop(each, None)


def _turns(of_tables: Sequence[Sequence[Due]]) -> Iterator[list[Due]]:
    """What is due of all tables at once; one that has several has a turn for each, in order."""
    for turn in zip_longest(*of_tables):
        yield [each for each in turn if each is not None]


def _joined(parts: Sequence[MeasureAppends]) -> MeasureAppends:
    return MeasureAppends(
        _stacked(PARTIAL_SCHEMA, [p.partials for p in parts]),
        _stacked(BIN_SCHEMA, [p.bins for p in parts]),
        _stacked(REGISTER_SCHEMA, [p.registers for p in parts]),
    )


def _stacked(schema: pa.Schema, tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables([no_rows(schema), *tables])
