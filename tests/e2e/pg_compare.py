"""A shop in PostgreSQL beside the workspace that watched it: where they differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2.extras  # type: ignore[import-untyped]

from datawatch_lab.ingest.sources.postgres.pgoutput import lsn_number
from datawatch_lab.ingest.sources.postgres.position import Position
from datawatch_lab.service.handle import Workspace
from tests.e2e.pg_shop import KEYLESS, TABLES

OFFSET_OF = "postgresql:"

Row = tuple[tuple[str, Any], ...]

_STREAMED = "json_extract_string(_position, '$.sequence') <> '0'"
"""Not the event that empties a table whose copy broke off, before it is copied anew."""


_NUMBERS = {20, 21, 23, 700, 701, 1700}
_MOMENTS = {1082, 1114, 1184}  # a date is the moment at which it begins
_JSON = {114, 3802, 1007, 1009}


def number(value: object) -> Any:
    """A number with all its digits; 1.50 and 1.5 are one."""
    found = Decimal(str(value))
    return "NaN" if found.is_nan() else found.normalize()


def moment(value: object) -> datetime:
    """A moment in UTC; without an offset it is taken for UTC."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def parsed(value: object) -> str:
    """JSON in one spelling, its numbers with all their digits."""
    read = json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
    return json.dumps(read, sort_keys=True, default=lambda each: f"number {each.normalize()}")


def plain(value: object) -> Any:
    """Anything else as text, booleans as they are."""
    return value if isinstance(value, bool) else str(value)


def reader(oid: int) -> Callable[[object], Any]:
    """How values of a type of PostgreSQL are compared."""
    if oid in _NUMBERS:
        return number
    if oid in _MOMENTS:
        return moment
    return parsed if oid in _JSON else plain


class Source:
    """The shop, read in one snapshot.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        with self._connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET TimeZone = 'UTC'")
        psycopg2.extras.register_default_jsonb(self._connection, loads=lambda text: text)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, table: str) -> tuple[dict[str, Callable[[object], Any]], list[dict[str, Any]]]:
        """How each column is compared, and the rows, their values ready for it."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = [(each.name, each.type_code) for each in cursor.description]
            shown = ", ".join(_shown(name, oid) for name, oid in columns)
            cursor.execute(f"SELECT {shown} FROM {table}")
            names = [name for name, _ in columns]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return {name: reader(oid) for name, oid in columns}, rows

    def value(self, text: str) -> Any:
        """The one value of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchone()[0]

    def pairs(self, text: str) -> dict[Any, Any]:
        """Rows of two columns."""
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return dict(cursor.fetchall())


def _shown(name: str, oid: int) -> str:
    """What the driver has no value for is read as PostgreSQL writes it in JSON, or as text."""
    quoted = '"{}"'.format(name.replace('"', '""'))
    if oid in {1007, 1009}:
        return f"to_json({quoted})::text"
    if oid == 1186:
        return f"extract(epoch FROM {quoted})::bigint::text"
    if oid in {1700, 1043, 25, 16, 20, 21, 23, 700, 701, 1114, 1184, 3802}:
        return quoted
    return f"{quoted}::text"


def live_name(table: str) -> str:
    """What the workspace calls a table of the shop."""
    return table.split(".")[1]


def live_rows(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    """The rows of a live table."""
    answer = workspace.sql(f"SELECT * FROM live.{live_name(table)}", masked=False)
    assert not answer.truncated, f"{table} has too many rows to be compared"
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def row_differences(workspace: Workspace, source: Source, table: str) -> list[str]:
    """Where a live table is not its source table, row by row; columns that are gone are null."""
    readers, wanted = source.rows(table)
    found = live_rows(workspace, table)
    gone = {name for row in found[:1] for name in row} - set(readers)
    wrong = [
        f"{table}: {name} is gone, but not in {row}"
        for row in found
        for name in gone
        if row[name] is not None
    ][:3]
    missing = set(readers) - {name for row in found[:1] for name in row}
    if found and missing:
        return [f"{table}: no column {sorted(missing)}"]
    expected = Counter(_comparable(row, readers) for row in wanted)
    have = Counter(_comparable(row, readers, live=True) for row in found)
    lost, extra = expected - have, have - expected
    if lost or extra:
        wrong.append(
            f"{table}: {lost.total()} of {len(wanted)} rows are not live, "
            f"{extra.total()} are that should not be; {_nearest(lost, extra)}"
        )
    return wrong


def _comparable(
    row: Mapping[str, Any], readers: Mapping[str, Callable[[object], Any]], *, live: bool = False
) -> Row:
    made = []
    for name, read in readers.items():
        value = row[name]
        if value is not None and live and name == "took":
            value = _seconds(value)
        made.append((name, None if value is None else read(value)))
    return tuple(made)


def _seconds(text: str) -> str:
    """The seconds of an ISO 8601 interval of days and a time."""
    days, _, time = text.removeprefix("P").partition("T")
    parts = dict.fromkeys("DHMS", 0)
    for piece in (days, time):
        digits = ""
        for letter in piece:
            if letter.isalpha():
                parts[letter], digits = int(digits), ""
            else:
                digits += letter
    seconds = timedelta(days=parts["D"], hours=parts["H"], minutes=parts["M"], seconds=parts["S"])
    return str(int(seconds.total_seconds()))


def _nearest(lost: Counter[Row], extra: Counter[Row]) -> str:
    """A lost row, and in which fields the most similar extra one differs."""
    for row in lost:
        near = max(
            extra,
            key=lambda other: sum(a == b for a, b in zip(row, other, strict=True)),
            default=None,
        )
        if near is None:
            return f"e.g. {row}"[:600]
        return f"e.g. {[pair for pair in zip(row, near, strict=True) if pair[0] != pair[1]]}"[:600]
    return f"e.g. {next(iter(extra))}"[:600]


def all_row_differences(
    workspace: Workspace, source: Source, tables: Iterable[str] = TABLES
) -> list[str]:
    """Of all keyed tables, and of the one without a key what was inserted."""
    wrong = [each for table in tables for each in row_differences(workspace, source, table)]
    return wrong + row_differences(workspace, source, KEYLESS)


def last(workspace: Workspace, metric: str) -> dict[str, Decimal]:
    """The newest value of a metric by its label ('' without one)."""
    answer = workspace.range(metric, step="1d")
    made = {}
    for series in answer.series:
        points = [value for _, value in series.points if value is not None]
        made[next(iter(series.labels.values()), "")] = Decimal(str(points[-1])) if points else 0
    return {label: Decimal(value) for label, value in made.items() if value}


def total(workspace: Workspace, metric: str) -> Decimal:
    """The sum of a metric over all that there is."""
    answer = workspace.range(metric, step="1d")
    return sum((Decimal(str(v or 0)) for s in answer.series for _, v in s.points), Decimal(0))


def metric_differences(workspace: Workspace, source: Source) -> list[str]:
    """Where metrics of the present say something else than SQL on the source."""
    wrong = []

    def check(name: str, wanted: object, found: object) -> None:
        if wanted != found:
            wrong.append(f"{name}: {found}, by SQL {wanted}")

    for table in TABLES:
        count = source.value(f"SELECT count(*) FROM {table}")
        name = f"{live_name(table)}_rows"
        check(name, {"": count} if count else {}, last(workspace, name))
    for table, column in (
        ("public.orders", "status"),
        ("public.customers", "tier"),
        ("public.customers", "is_active"),
        ("billing.payments", "method"),
    ):
        name = f"{live_name(table)}_by_{column}"
        counts = source.pairs(f"SELECT {column}::text, count(*) FROM {table} GROUP BY 1")
        check(name, counts, last(workspace, name))
    for table, column in (("public.orders", "amount"), ("public.customers", "balance")):
        name = f"{live_name(table)}_{column}_net_sum"
        wanted = source.value(f"SELECT sum({column}) FROM {table}")
        if abs(total(workspace, name) - wanted) > Decimal("0.005"):
            check(name, wanted, total(workspace, name))
    return wrong


def count_differences(workspace: Workspace, source: Source) -> list[str]:
    """Where the log holds another number of changes than were written since the copy."""
    since = _since(workspace)
    query = "SELECT _op, CAST(_position AS VARCHAR), changes FROM changes.written"
    noted = workspace.sql(query).rows
    wrong = []
    written = source.value("SELECT count(*) FROM a_load.written")
    if len(noted) != written:
        wrong.append(f"{len(noted)} transactions came, {written} were committed")
    expected: Counter[str] = Counter()
    for position, changes in [(at, changes) for op, at, changes in noted if op == "c"]:
        lsn = lsn_number(json.loads(position)["lsn"])
        told = json.loads(changes).items()
        expected.update({name: n for name, n in told if lsn >= since[name.split()[0]]})
    found = _logged(workspace)
    return wrong + [
        f"{name}: {found[name]} changes in the log, {expected[name]} written"
        for name in sorted(expected.keys() | found.keys())
        if expected[name] != found[name]
    ]


def _logged(workspace: Workspace) -> Counter[str]:
    """Changes in the log by table and operation, those of the copy left out."""
    found: Counter[str] = Counter()
    for table in TABLES.keys() - {"a_load.written"}:
        name = live_name(table)
        query = f"SELECT _op, count(*) FROM changes.{name} WHERE {_STREAMED} GROUP BY 1"
        found.update({f"{table} {op}": n for op, n in workspace.sql(query).rows if op in "cudt"})
    return found


def _since(workspace: Workspace) -> dict[str, int]:
    status = workspace.status()
    (name,) = {each.name for each in status.sources if each.name.startswith(OFFSET_OF)}
    position = workspace.offset(name).position
    assert position is not None
    return {".".join(t): lsn for t, lsn in Position.read(position).memory.since.items()}


def ledger_differences(workspace: Workspace, *, duplicates: bool) -> list[str]:
    """Where the ledger does not balance, or something was late, set aside or came twice."""
    ledger = workspace.ledger()
    wrong = []
    cells: list[Any] = [ledger, *ledger.tables.values(), *ledger.sources.values()]
    for cell in cells:
        parts = cell.applied + cell.duplicate + cell.late + cell.quarantined
        if cell.received != parts:
            wrong.append(f"ledger: {cell} does not balance")
    if ledger.late or ledger.quarantined or (ledger.duplicate and not duplicates):
        wrong.append(f"ledger: {ledger}")
    return wrong
