"""The first derivation: from row changes to field roles, measures and their partial states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import (
    BIN_SCHEMA,
    PARTIAL_SCHEMA,
    REGISTER_SCHEMA,
    MeasureAppends,
    TableBatch,
)
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import Catalogue, Store
from datawatch_lab.core.values import (
    Aggregation,
    MeasureDef,
    MeasureKind,
    MetricDef,
    SeriesDef,
    TableInfo,
)
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.metrics.book import SeriesBook
from datawatch_lab.metrics.catalogue import metrics_of, reconcile
from datawatch_lab.metrics.evidence import Evidence, observe
from datawatch_lab.metrics.query import aggregations
from datawatch_lab.metrics.roles import infer, infer_key
from datawatch_lab.metrics.stage import derive, split_fields

_SPLIT = (MeasureKind.CHANGES, MeasureKind.VALUE)
_ROW_OPS = ("c", "u", "d", "r", "t")


@dataclass
class Derived:
    """What a batch changes in the derivation; kept only once it is stored."""

    tables: list[TableInfo] = field(default_factory=list)  # new or changed
    new_measures: list[MeasureDef] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    evidence_of: dict[int, Evidence] = field(default_factory=dict)
    appends: MeasureAppends | None = None
    new_series: tuple[SeriesDef, ...] = ()

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
        self._next_id = max(self._defs, default=0) + 1
        self._evidence = {
            table_id: msgspec.msgpack.decode(data, type=Evidence)
            for table_id, data in known.evidence.items()
        }
        self.book = SeriesBook(known.series, max_label_sets=settings.max_label_sets)
        self._named: dict[str, MetricDef] | None = None

    @property
    def all(self) -> tuple[MeasureDef, ...]:
        """Every measure there is."""
        return tuple(self._defs.values())

    def metrics(self, tables: Sequence[TableInfo]) -> Mapping[str, MetricDef]:
        """Metrics by name, for the tables of the workspace."""
        named = self._named
        if named is None:
            named = self._named = {each.name: each for each in metrics_of(tables)}
        return named

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
        parts: list[MeasureAppends] = []
        by_table: dict[int, list[TableBatch]] = {}
        for each in batches:
            by_table.setdefault(each.table.id, []).append(each)
        for table_id, mine in by_table.items():
            before = registry[table_id]
            table = self._understood(before, mine, derived)
            if table != before:
                registry.replace(table)
                derived.tables.append(table)
            parts += self._reconciled(before, table, derived, last_seq)
            wanted = [m for m in self._present(derived) if m.table_id == table_id]
            for each in mine:
                current = replace(each, table=table)
                parts.append(derive(current, wanted, self.book, self._settings))
        derived.appends = _joined(parts)
        derived.new_series = self.book.pending
        return derived

    def keep(self, derived: Derived) -> None:
        """The commit is stored."""
        self.book.commit()
        self.book.drop(derived.dropped)
        self._evidence |= derived.evidence_of
        for measure_id in derived.dropped:
            self._defs.pop(measure_id, None)
        self._defs |= {each.id: each for each in derived.new_measures}
        if derived.tables:
            self._named = None

    def roll_back(self) -> None:
        """The commit failed."""
        self.book.rollback()

    def _understood(
        self, table: TableInfo, batches: Sequence[TableBatch], derived: Derived
    ) -> TableInfo:
        """The table with the roles and the key that its rows so far tell."""
        evidence = self._evidence.get(table.id)
        seen = evidence
        for each in batches:
            seen = observe(seen, each, self._settings.role_sample)
        if seen is None or seen == evidence:
            return table
        derived.evidence_of[table.id] = seen
        corrections = {each.name: each for each in table.columns if each.corrected}
        key = infer_key(seen)
        columns = infer(seen, corrections, key)
        return msgspec.structs.replace(table, columns=columns, key=key, sampled=seen.rows)

    def _present(self, derived: Derived) -> list[MeasureDef]:
        gone = set(derived.dropped)
        return [m for m in (*self._defs.values(), *derived.new_measures) if m.id not in gone]

    def _reconciled(
        self, before: TableInfo, table: TableInfo, derived: Derived, last_seq: int
    ) -> list[MeasureAppends]:
        """Make the measures that a table needs now, and fill them from the log."""
        old, new = set(split_fields(before)), set(split_fields(table))
        present = self._present(derived)
        if old - new:  # a label that is gone would be counted twice if it came back
            stale = [m.id for m in present if m.table_id == table.id and m.kind in _SPLIT]
            self._drop(stale, derived)
            present = self._present(derived)
            old = new
        made, gone = reconcile([table], present, next_id=self._next_id)
        self._drop(gone, derived)
        self._next_id = max([self._next_id, *(each.id + 1 for each in made)])
        derived.new_measures += made
        added = sorted(new - old)
        # a field that no row had before has no history; a label has: those rows are (missing)
        known = {"", *(column.name for column in before.columns)}
        past = [each for each in made if each.field in known]
        if last_seq == 0 or not (past or added):
            return []
        kept = [m for m in present if m.table_id == table.id and m.id not in set(gone)]
        parts = []
        for batch in self.history(table, 0, last_seq):
            if past:
                parts.append(derive(batch, past, self.book, self._settings))
            if added:
                parts.append(
                    derive(batch, kept, self.book, self._settings, split_by=added, totals=False)
                )
        return parts

    def _drop(self, measure_ids: Sequence[int], derived: Derived) -> None:
        derived.dropped += measure_ids
        derived.new_measures = [m for m in derived.new_measures if m.id not in set(measure_ids)]

    def history(self, table: TableInfo, after_seq: int, to_seq: int) -> Iterator[TableBatch]:
        """What the log holds of a table after one sequence number and up to another, as batches."""
        for frame in self._store.read_log(table.id, after_seq=after_seq, to_seq=to_seq):
            rows = frame.filter(pl.col("op").is_in(_ROW_OPS))
            yield TableBatch(
                table=table,
                events=rows.select("seq", "op", "ts", "received"),
                after=parse_images(rows["after"]),
                before=parse_images(rows["before"]),
            )


def _joined(parts: Sequence[MeasureAppends]) -> MeasureAppends:
    return MeasureAppends(
        pa.concat_tables([PARTIAL_SCHEMA.empty_table(), *(p.partials for p in parts)]),
        pa.concat_tables([BIN_SCHEMA.empty_table(), *(p.bins for p in parts)]),
        pa.concat_tables([REGISTER_SCHEMA.empty_table(), *(p.registers for p in parts)]),
    )
