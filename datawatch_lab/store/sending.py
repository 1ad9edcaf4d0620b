"""How far each metric back end is, and where the log says that minutes changed since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from datawatch_lab.core.backends import Sent, SentTable
from datawatch_lab.store.part import Part


class SendingStore(Part):
    """Cursors of metric back ends; any thread may ask and write."""

    def sent(self, name: str) -> Sent:
        """How far a back end is; nothing for one that was never written to."""
        with self.reading() as con:
            row = con.execute(
                "SELECT seq, points, refused FROM meta.backends WHERE name = ?", [name]
            ).fetchone()
            tables = con.execute(
                "SELECT table_id, until, measure FROM meta.backend_tables WHERE name = ?", [name]
            ).fetchall()
        if row is None:
            return Sent()
        seq, points, refused = row
        known = {
            id_: SentTable(until.replace(tzinfo=UTC), measure) for id_, until, measure in tables
        }
        return Sent(known, seq, points, refused)

    def put(self, name: str, sent: Sent, *, only: int | None = None) -> None:
        """Keep how far a back end is.

        Args:
            name: of the back end.
            sent: how far it is.
            only: id of the one table that has changed; None for all.
        """
        tables = sent.tables if only is None else {only: sent.tables[only]}
        naive = [each.until.astimezone(UTC).replace(tzinfo=None) for each in tables.values()]
        measures = [each.measure for each in tables.values()]
        with self.writing() as con:
            con.execute("DELETE FROM meta.backends WHERE name = ?", [name])
            con.execute(
                "DELETE FROM meta.backend_tables WHERE name = ? "
                "AND table_id = coalesce(?, table_id)",
                [name, only],
            )
            con.execute(
                "INSERT INTO meta.backends VALUES (?, ?, ?, ?)",
                [name, sent.seq, sent.points, sent.refused],
            )
            if tables:
                con.execute(
                    "INSERT INTO meta.backend_tables SELECT ?, unnest(?::INTEGER[]), "
                    "unnest(?::TIMESTAMP[]), unnest(?::INTEGER[])",
                    [name, list(tables), naive, measures],
                )

    def changed_from(self, after_seq: int) -> Mapping[int, datetime]:
        """The oldest event time among events after a sequence number, by table id."""
        with self.reading() as con:
            rows = con.execute(
                "SELECT table_id, min(ts) FROM changes.log "
                "WHERE seq > ? AND table_id <> 0 AND ts IS NOT NULL GROUP BY table_id",
                [after_seq],
            ).fetchall()
        return {id_: oldest.replace(tzinfo=UTC) for id_, oldest in rows}
