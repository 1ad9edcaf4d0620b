"""Anomalies, what people say of them, and the state of the detectors."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar

import duckdb
import msgspec
import polars as pl
import pyarrow as pa

from datawatch_lab.core.anomalies import Anomaly, DetectorSetting, Feedback
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import fetch_arrow, fetch_row, run_with

log = logging.getLogger(__name__)

Kind = TypeVar("Kind")

MOST = 100_000
"""Anomalies that are kept; the oldest go first."""

_NEWEST = "ORDER BY started DESC, id LIMIT ?"
_TRIM = """
DELETE FROM meta.anomalies WHERE ended IS NOT NULL AND started <=
(SELECT started FROM meta.anomalies ORDER BY started DESC LIMIT 1 OFFSET ?)
"""


class Acknowledged(msgspec.Struct, frozen=True):
    """Who looks after an anomaly, and since when."""

    by: str
    at: datetime


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did with an anomaly.

    Attributes:
        id: of the anomaly.
        number: of the last close that detectors had seen.
    """

    id: str
    number: int
    said: Acknowledged | Feedback

    @property
    def kind(self) -> Literal["acknowledged", "feedback"]:
        """Of one kind an anomaly has one."""
        return "feedback" if isinstance(self.said, Feedback) else "acknowledged"


@dataclass(frozen=True)
class Checkpoint:
    """The state of the detectors.

    Attributes:
        number: of the last close that is in it.
        state: opaque.
    """

    number: int
    state: bytes


@dataclass(frozen=True)
class AnomalyFilter:
    """Which anomalies.

    Attributes:
        since, until: those that were there at some time in [since, until); None for no limit.
        metric: of one metric; '' for any.
        active: only those that go on.
        limit: the newest.
    """

    since: datetime | None = None
    until: datetime | None = None
    metric: str = ""
    active: bool = False
    limit: int = 100


def save_anomalies(
    con: duckdb.DuckDBPyConnection,
    changed: Sequence[Anomaly],
    checkpoint: Checkpoint | None = None,
    mark: Mark | None = None,
) -> None:
    """Keep anomalies in place of those of the same ids, the state that follows, what was said."""
    if mark is not None:
        _save_mark(con, mark)
    if changed:
        rows = list({each.id: each for each in changed}.values())
        data = pa.table(
            {
                "id": [each.id for each in rows],
                "metric": [each.metric_name for each in rows],
                "started": _times(each.started_at for each in rows),
                "ended": _times(each.until if not each.active else None for each in rows),
                "document": [_text(_bare(each)) for each in rows],
            }
        )
        run_with(con, data, "DELETE FROM meta.anomalies t USING given g WHERE t.id = g.id")
        run_with(con, data, "INSERT INTO meta.anomalies BY NAME SELECT * FROM given")
        con.execute(_TRIM, [MOST])
    if checkpoint is not None:
        con.execute("DELETE FROM meta.anomaly_state")
        con.execute(
            "INSERT INTO meta.anomaly_state VALUES ('detectors', ?, ?)",
            [checkpoint.number, checkpoint.state],
        )


def _save_mark(con: duckdb.DuckDBPyConnection, mark: Mark) -> None:
    """Keep what somebody said, in place of what was said before."""
    con.execute("DELETE FROM meta.anomaly_marks WHERE id = ? AND kind = ?", [mark.id, mark.kind])
    con.execute(
        "INSERT INTO meta.anomaly_marks VALUES (?, ?, ?, ?)",
        [mark.id, mark.kind, mark.number, _text(mark.said)],
    )


def read_marks(con: duckdb.DuckDBPyConnection, ids: Sequence[str] | None = None) -> list[Mark]:
    """What was said of some anomalies, or of all, in order of number."""
    where = "" if ids is None else "WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
    rows = con.execute(
        f"SELECT id, kind, number, document FROM meta.anomaly_marks {where} ORDER BY number, id",
        {} if ids is None else {"ids": list(ids)},
    ).fetchall()
    kinds: dict[str, type[Acknowledged | Feedback]] = {
        "acknowledged": Acknowledged,
        "feedback": Feedback,
    }
    return [
        Mark(id=id_, number=number, said=msgspec.json.decode(text, type=kinds[kind]))
        for id_, kind, number, text in rows
    ]


def read_anomalies(con: duckdb.DuckDBPyConnection, wanted: AnomalyFilter) -> list[Anomaly]:
    """Anomalies with what was said of them, newest first."""
    where, values = ["true"], list[object]()
    if wanted.since is not None:
        where.append("(ended IS NULL OR ended >= ?)")
        values.append(_naive(wanted.since))
    if wanted.until is not None:
        where.append("started < ?")
        values.append(_naive(wanted.until))
    if wanted.metric:
        where.append("metric = ?")
        values.append(wanted.metric)
    if wanted.active:
        where.append("ended IS NULL")
    rows = con.execute(
        f"SELECT document FROM meta.anomalies WHERE {' AND '.join(where)} {_NEWEST}",
        [*values, wanted.limit],
    ).fetchall()
    return _marked(con, _decoded(Anomaly, rows))


def read_anomaly(con: duckdb.DuckDBPyConnection, id_: str) -> Anomaly | None:
    """An anomaly by id, with what was said of it; None for none."""
    rows = con.execute("SELECT document FROM meta.anomalies WHERE id = ?", [id_]).fetchall()
    return next(iter(_marked(con, _decoded(Anomaly, rows))), None)


def _decoded(kind: type[Kind], rows: Sequence[tuple[str]]) -> list[Kind]:
    """Documents as values; one that cannot be read is told in the log and left out."""
    decoder, found = msgspec.json.Decoder(kind), []
    for (text,) in rows:
        try:
            found.append(decoder.decode(text))
        except msgspec.DecodeError as error:
            log.warning("a stored anomaly cannot be read and is left out: %s: %.200s", error, text)
    return found


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What of an anomaly says where and when it was; names as in `core.anomalies.Anomaly`."""

    id: str
    table: str
    labels: dict[str, str]
    step: int
    started_at: datetime
    ended_at: datetime | None
    opened_at: datetime | None = None


def read_outlines(con: duckdb.DuckDBPyConnection) -> list[Outline]:
    """All anomalies in outline, in no order."""
    rows = con.execute("SELECT document FROM meta.anomalies").fetchall()
    return _decoded(Outline, rows)


def read_checkpoint(con: duckdb.DuckDBPyConnection) -> Checkpoint | None:
    """The state of the detectors; None before the first."""
    row = con.execute("SELECT number, state FROM meta.anomaly_state").fetchone()
    return None if row is None else Checkpoint(*row)


@dataclass(frozen=True)
class Corrected:
    """Minutes that late events changed.

    Attributes:
        version: data version of the newest change of all, also of those that were not asked for.
        minutes: starts of the minutes by stored series, ascending.
    """

    version: int
    minutes: Mapping[int, Sequence[datetime]]


def read_corrected_since(
    con: duckdb.DuckDBPyConnection, version: int, oldest: datetime | None
) -> Corrected:
    """Minutes that late events changed after a data version, from a minute on; None for none."""
    (newest,) = fetch_row(con, "SELECT max(version) FROM measures.corrections")
    if newest is None or newest <= version or oldest is None:
        return Corrected(max(newest or 0, version), {})
    rows = fetch_arrow(
        con,
        "SELECT series, bucket FROM measures.corrections "
        "WHERE level = 1::UTINYINT AND version > ? AND bucket >= ? ORDER BY series, bucket",
        [version, _naive(oldest)],
    )
    frame = pl.DataFrame(pl.from_arrow(rows)).with_columns(
        pl.col("bucket").dt.replace_time_zone("UTC")
    )
    groups = frame.group_by("series").agg("bucket")
    return Corrected(newest, dict(groups.iter_rows()))


def _marked(con: duckdb.DuckDBPyConnection, found: Sequence[Anomaly]) -> list[Anomaly]:
    said: dict[str, dict[str, object]] = {}
    for mark in read_marks(con, [each.id for each in found]):
        mine = said.setdefault(mark.id, {})
        if isinstance(mark.said, Feedback):
            mine["feedback"] = mark.said
        else:
            mine |= {"acknowledged_by": mark.said.by, "acknowledged_at": mark.said.at}
    return [msgspec.structs.replace(each, **said.get(each.id, {})) for each in found]


def _bare(anomaly: Anomaly) -> Anomaly:
    """Without what people say of it."""
    return msgspec.structs.replace(anomaly, acknowledged_by="", acknowledged_at=None, feedback=None)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _times(moments: Iterable[datetime | None]) -> pa.Array:
    return pa.array([each and _naive(each) for each in moments], pa.timestamp("us"))


class AnomalyStore(Part):
    """What a workspace keeps of anomalies; any thread may ask and write."""

    def save(
        self,
        changed: Sequence[Anomaly],
        checkpoint: Checkpoint | None = None,
        mark: Mark | None = None,
    ) -> None:
        """Keep anomalies, the state of the detectors that follows them, and what was said."""
        with self.writing() as con:
            save_anomalies(con, changed, checkpoint, mark)

    def choose(self, id_: str, setting: DetectorSetting | None, state: Checkpoint) -> None:
        """Keep the setting of a series, or none, with the state of the detectors that has it."""
        with self.writing() as con:
            con.execute("DELETE FROM meta.detectors WHERE id = ?", [id_])
            if setting is not None:
                con.execute("INSERT INTO meta.detectors VALUES (?, ?)", [id_, _text(setting)])
            save_anomalies(con, (), state)

    def chosen(self) -> list[DetectorSetting]:
        """Settings of series, oldest first."""
        with self.reading() as con:
            rows = con.execute("SELECT document FROM meta.detectors").fetchall()
        found = [msgspec.json.decode(text, type=DetectorSetting) for (text,) in rows]
        return sorted(found, key=lambda each: (each.at, each.id))

    def marks(self) -> list[Mark]:
        """What was said of all anomalies, in order."""
        with self.reading() as con:
            return read_marks(con)

    def found(self, wanted: AnomalyFilter) -> list[Anomaly]:
        """Anomalies, newest first."""
        with self.reading() as con:
            return read_anomalies(con, wanted)

    def outlines(self) -> list[Outline]:
        """All anomalies in outline, in no order."""
        with self.reading() as con:
            return read_outlines(con)

    def one(self, id_: str) -> Anomaly | None:
        """An anomaly by id; None for none."""
        with self.reading() as con:
            return read_anomaly(con, id_)

    def checkpoint(self) -> Checkpoint | None:
        """The state of the detectors; None before the first."""
        with self.reading() as con:
            return read_checkpoint(con)

    def models(self) -> dict[str, bytes]:
        """Sealed states of models by the id of their series."""
        with self.reading() as con:
            rows = con.execute("SELECT id, state FROM meta.anomaly_models").fetchall()
        return dict(rows)

    def keep_models(self, states: Mapping[str, bytes]) -> None:
        """Keep these states of models, and no others."""
        data = pa.table(
            {"id": [*states], "state": pa.array([*states.values()], pa.binary())},
        )
        with self.writing() as con:
            con.execute("DELETE FROM meta.anomaly_models")
            run_with(con, data, "INSERT INTO meta.anomaly_models BY NAME SELECT * FROM given")

    def corrected_since(self, version: int, oldest: datetime | None) -> Corrected:
        """Minutes that late events changed after a data version; see `read_corrected_since`."""
        with self.reading() as con:
            return read_corrected_since(con, version, oldest)
