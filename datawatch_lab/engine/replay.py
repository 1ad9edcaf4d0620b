"""Taking quarantined events in again; what succeeds moves in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.core.storage import LEDGER_SCHEMA, QuarantineRow
from datawatch_lab.engine.planner import Plan, identities_of, make_plan
from datawatch_lab.engine.submission import Submission
from datawatch_lab.ingest.decode import decode

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_AT_ONCE = 20_000


@dataclass
class ReplayResult:
    """What became of replayed rows. ``failed`` pairs each row that stays with its reason."""

    tried: int = 0
    applied: int = 0
    duplicate: int = 0
    failed: list[tuple[QuarantineRow, str]] = field(default_factory=list)


def run_replay(engine: Engine, ids: Sequence[int], corrected: Mapping[int, bytes]) -> ReplayResult:
    """Try rows again, as corrected or as they are; only from the writer's thread.

    A replay is a back-fill: its events are never late. A row that still cannot be read, or whose
    time is still ahead of the clock, stays with its reason. Each row's move is one ledger entry:
    what it was counted as goes down, what it became goes up, so the ledger balances at every step.

    Raises:
        NotFoundError: an id is not in the quarantine; nothing was tried.
    """
    result = ReplayResult()
    for rows in _waiting(engine, ids, corrected):
        for source in dict.fromkeys(row.source for row in rows):
            mine = [row for row in rows if row.source == source]
            _replay_source(engine, source, mine, corrected, result)
    return result


def _waiting(
    engine: Engine, ids: Sequence[int], corrected: Mapping[int, bytes]
) -> list[list[QuarantineRow]]:
    wanted = sorted({*ids, *corrected})
    if not wanted:
        rows = engine.store.quarantine(limit=engine.quarantined("waiting") or 1)
    else:
        rows = engine.store.quarantine(limit=len(wanted), ids=wanted)
        missing = sorted(set(wanted) - {row.id for row in rows})
        if missing:
            raise NotFoundError(
                f"quarantine: no waiting row {missing[0]}"
                + (f" (and {len(missing) - 1} more)." if len(missing) > 1 else "."),
                hint="`datawatch quarantine` lists those that wait.",
                details={"missing": missing},
            )
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]


def _replay_source(
    engine: Engine,
    source: str,
    rows: Sequence[QuarantineRow],
    corrected: Mapping[int, bytes],
    result: ReplayResult,
) -> None:
    """Replay rows of one source; a row's id stands in for its line, so outcomes find their row."""
    result.tried += len(rows)
    stays = _unreadable(_decode(source, rows, corrected)) | _still_ahead(
        engine, _decode(source, rows, corrected)
    )
    result.failed.extend((row, stays[row.id]) for row in rows if row.id in stays)
    ready = [row for row in rows if row.id not in stays]
    if not ready:
        return
    batch = _decode(source, ready, corrected)
    submission = Submission(
        batch,
        engine.clock.now(),
        replay={row.id: row.id for row in ready},
        own=_own_identities(engine, batch, ready, corrected),
    )
    plan = make_plan([submission], **engine.plan_inputs())
    engine.apply(_with_moves(plan, ready))
    counts = plan.receipts(0)[0].counts
    result.applied += counts.applied
    result.duplicate += counts.duplicate


def _decode(
    source: str, rows: Sequence[QuarantineRow], corrected: Mapping[int, bytes]
) -> DecodedBatch:
    return decode(
        [corrected.get(row.id, row.raw) for row in rows],
        [row.id for row in rows],
        [row.offset for row in rows],
        source=source,
    )


def _unreadable(batch: DecodedBatch) -> dict[int, str]:
    """Reasons by row id of rows in which nothing could be read."""
    readable = set(batch.events.column("line").to_pylist())
    return {
        line: reason
        for line, reason in zip(
            batch.bad.column("line").to_pylist(),
            batch.bad.column("reason").to_pylist(),
            strict=True,
        )
        if line not in readable
    }


def _still_ahead(engine: Engine, batch: DecodedBatch) -> dict[int, str]:
    limit = engine.clock.now() + engine.settings.future_tolerance
    ahead = pl.DataFrame(batch.events.select(["line", "ts"])).filter(pl.col("ts") > limit)
    return {
        line: f"from the future: its time {ts:%Y-%m-%d %H:%M:%S} UTC is still ahead of the clock."
        for line, ts in ahead.iter_rows()
    }


def _own_identities(
    engine: Engine,
    batch: DecodedBatch,
    rows: Sequence[QuarantineRow],
    corrected: Mapping[int, bytes],
) -> frozenset[tuple[int, int]]:
    """Identities that late and future rows have themselves: known, yet not stored as changes."""
    aside = {row.id for row in rows if row.kind != "malformed" and row.id not in corrected}
    inputs = engine.plan_inputs()
    return identities_of(batch, inputs["registry"], inputs["store"], frozenset(aside))


def _with_moves(plan: Plan, rows: Sequence[QuarantineRow]) -> Plan:
    """Take the rows out of the quarantine, and out of what they were counted as."""
    moves: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        late = row.kind == "late"
        cell = moves.setdefault((row.source, row.table), [0, 0, 0])
        cell[0] -= 1
        cell[1] -= late
        cell[2] -= not late
    out = pa.table(
        {
            "source": [source for source, _ in moves],
            "table": [table for _, table in moves],
            "received": [cell[0] for cell in moves.values()],
            "applied": [0] * len(moves),
            "duplicate": [0] * len(moves),
            "late": [cell[1] for cell in moves.values()],
            "quarantined": [cell[2] for cell in moves.values()],
        },
        schema=LEDGER_SCHEMA,
    )
    became = {row.id: 1 for row in rows}
    commit = replace(
        plan.commit,
        ledger=pa.concat_tables([plan.commit.ledger, out]),
        replayed=became,
        offsets=(),
    )
    return replace(plan, commit=commit)
