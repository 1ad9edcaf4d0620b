"""An engine under test beside the oracle: the same lines to both, then everything compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from datawatch_lab.core.batches import Declared, DecodedBatch
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import MeasureRead, Span
from datawatch_lab.core.values import LedgerCounts, LevelName, MeasureKind, TableInfo
from datawatch_lab.engine import Engine
from datawatch_lab.ingest.decode import decode
from datawatch_lab.store.sql import quote_identifier
from tests.oracle.live import Live, replay, row_differences
from tests.oracle.oracle import LEVELS, Oracle
from tests.oracle.reading import Judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPS = {"INSERT": "c", "UPDATE": "u", "DELETE": "d"}
COUNTS = ("received", "applied", "duplicate", "late", "quarantined")

Points = dict[int, Decimal]
Fields = Mapping[str, Mapping[str, Sequence[str]]]


class Laboratory:
    """Feeds lines to an engine on a file and to the oracle's judge.

    Args:
        path: of the workspace.
        keys: key columns by table, declared with every batch; tables that it lacks declare none.
        lateness: what both allow.
        ordered: whether the source hands over changes in order.
    """

    def __init__(
        self,
        path: Path,
        keys: Mapping[str, tuple[str, ...]],
        *,
        lateness: timedelta = timedelta(hours=24),
        ordered: bool = False,
    ) -> None:
        self.path, self.keys, self.ordered = path, keys, ordered
        self.clock = ManualClock(NOW)
        self.settings = Settings(allowed_lateness=lateness)
        self.judge = Judge(NOW, lateness // timedelta(microseconds=1))
        self.engine = self._open()
        self._line = 0

    def _open(self) -> Engine:
        return Engine.open(self.path, settings=self.settings, clock=self.clock)

    def feed(self, lines: Sequence[bytes], source: str = "test") -> LedgerCounts:
        """Submit lines as one batch, wait until it is durable, and let the oracle judge them."""
        numbers = range(self._line + 1, self._line + 1 + len(lines))
        self._line += len(lines)
        for number, line in zip(numbers, lines, strict=True):
            self.judge.take(line, number, source)
        batch = self._declared(decode(lines, numbers, numbers, source=source))
        return self.engine.submit(batch).result().counts

    def _declared(self, batch: DecodedBatch) -> DecodedBatch:
        declared = {("", table): Declared(key=key) for table, key in self.keys.items()}
        return DecodedBatch(
            batch.source,
            batch.events,
            batch.rows,
            batch.bad,
            declared=declared,
            ordered=self.ordered,
        )

    def restart(self) -> None:
        """Close and open again."""
        self.engine.close()
        self.engine = self._open()

    def compact(self) -> None:
        """Merge what can be merged."""
        self.engine.store.compact()
        self.engine.store.compact_live()

    def close(self) -> None:
        """Release the file."""
        self.engine.close()

    # ------------------------------------------------------------------------- what there is

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query on the workspace."""
        with self.engine.store._file.readers.cursor() as con:
            found = con.execute(query)
            names = [each[0] for each in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def live(self, table: str) -> list[dict[str, Any]]:
        """Rows of a live table as SQL shows them."""
        return self.sql(f"SELECT * FROM live.{quote_identifier(table)}")

    def counts(self) -> dict[str, int]:
        """The four counts and their sum over everything."""
        total = sum(self.engine.store.ledger().values(), start=LedgerCounts())
        return {name: getattr(total, name) for name in COUNTS}

    def oracle(self, fields: Fields) -> Oracle:
        """The metrics of what was applied so far."""
        return Oracle(self.judge.reading, fields, ordered=self.ordered)

    def replayed(self, table: str) -> Live:
        """The live table as the oracle has it."""
        events = [event for event in self.judge.reading.applied if event.table == table]
        return replay(events, self.keys[table], ordered=self.ordered)

    # ------------------------------------------------------------------------- comparing

    def row_differences(self) -> list[str]:
        """Where live tables differ from the oracle's, through SQL and through the store."""
        wrong = []
        for table, key in self.keys.items():
            info = next((each for each in self.engine.tables() if each.table == table), None)
            if info is None or not key:
                continue
            live = self.replayed(table)
            wrong += [f"{table}: {text}" for text in row_differences(live, self.live(table), key)]
            scanned = list(self._scanned(info))
            wrong += [f"{table} scan: {text}" for text in row_differences(live, scanned, key)]
            if self.engine.store.live_count(info) != len(live.rows):
                wrong.append(f"{table}: live_count is not {len(live.rows)}")
        return wrong

    def _scanned(self, info: TableInfo) -> Iterator[dict[str, Any]]:
        fields = [column.name for column in info.columns]
        for rows in self.engine.store.live_scan(info, fields):
            yield from rows.rows.iter_rows(named=True)

    def metric_differences(
        self, oracle: Oracle, levels: Sequence[LevelName] = ("1s", "1m", "1h")
    ) -> list[str]:
        """Where sums and counts of stored states differ from the oracle's, at some levels."""
        return [text for level in levels for text in _level_differences(self.engine, oracle, level)]


def _level_differences(engine: Engine, oracle: Oracle, level: LevelName) -> Iterator[str]:
    """Every metric that both know, as total and by its labels."""
    stored = _states(engine, level)
    ids = {table.name: table.id for table in engine.tables()}
    metrics = engine.metrics()
    for name, spec in oracle.specs.items():
        if not spec.table or spec.kind in ("newest", "distinct"):
            continue
        if name not in metrics:
            yield f"{name}: there is no such metric"
            continue
        key = (ids[spec.table], MeasureKind(spec.kind), spec.field)
        by = {"state": spec.field, "transition": "from,to"}.get(spec.kind, "")
        found = stored.get(key, {})
        for how in ("sum", "count"):
            wanted = oracle.points(name, LEVELS[level], how, by)
            given = _labelled(found, spec.ops if spec.kind == "changes" else (), how)
            for label in sorted(wanted.keys() | given.keys()):
                yield from _point_differences(
                    f"{name} {level} {how} {label!r}", given.get(label, {}), wanted.get(label, {})
                )


def _point_differences(
    what: str, given: Mapping[int, Any], wanted: Mapping[int, float]
) -> Iterator[str]:
    for at in sorted(given.keys() | wanted.keys()):
        left, right = float(given.get(at, 0)), float(wanted.get(at, 0))
        if abs(left - right) > 1e-9 * max(abs(left), abs(right), 1):
            moment = datetime.fromtimestamp(at / 1e6, UTC).isoformat()
            yield f"{what} at {moment}: {left!r}, expected {right!r}"


States = dict[tuple[tuple[str, str], ...], dict[int, tuple[int, Any]]]


def _labelled(found: States, ops: Sequence[str], how: str) -> dict[str, dict[int, Any]]:
    """Sums or counts by label text; changes only of the totals of some operations, added up."""
    result: dict[str, dict[int, Any]] = {}
    for labels, points in found.items():
        own = dict(labels)
        if ops:
            if own.keys() != {"op"} or own["op"] not in {OPS[op] for op in ops}:
                continue
            text = ""
        else:
            text = "".join(own[name] for name in sorted(own))  # from, to
        cells = result.setdefault(text, {})
        for at, (n, total) in points.items():
            cells[at] = cells.get(at, 0) + (n if how == "count" else total)
    return result


def _states(engine: Engine, level: LevelName) -> dict[tuple[int, MeasureKind, str], States]:
    """(n, sum) by bucket of every series that is not split by a label field."""
    measures = {each.id: each for each in engine.measures.all}
    series = [
        each
        for measure in measures.values()
        for each in engine.measures.book.of(measure.id)
        if _is_own(measure.kind, dict(each.labels))
    ]
    read = MeasureRead(
        groups={each.id: place for place, each in enumerate(series)},
        spans=[Span(level, NOW - timedelta(days=400), NOW + timedelta(days=1))],
        step=timedelta(seconds=LEVELS[level]),
        origin=datetime(1970, 1, 1, tzinfo=UTC),
    )
    found: dict[tuple[int, MeasureKind, str], States] = {}
    if not series:
        return found
    frame = engine.store.read_measures(read).partials
    columns = (frame[name].to_list() for name in ("group", "bucket", "n", "sum", "exact"))
    for group, bucket, n, total, exact in zip(*columns, strict=True):
        each = series[group]
        measure = measures[each.measure_id]
        states = found.setdefault((measure.table_id, measure.kind, measure.field), {})
        at = int(bucket.timestamp()) * 1_000_000
        states.setdefault(each.labels, {})[at] = (n, total if exact is None else exact)
    return found


def _is_own(kind: MeasureKind, labels: Mapping[str, str]) -> bool:
    """Whether these are the labels that a measure has by itself."""
    if kind in (MeasureKind.STATE, MeasureKind.TRANSITION):
        return True
    return labels.keys() == ({"op"} if kind is MeasureKind.CHANGES else set())
