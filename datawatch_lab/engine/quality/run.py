"""One evaluation of quality: rules over batches of rows, and what that adds to stored results."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core import quality_results as core
from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.columns import first_bytes
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.quality import StoredRule, reference_of, violation_id
from datawatch_lab.core.quality_results import Outcome
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.live.keys import keys_of
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.steps import frame_of, verdicts_of
from datawatch_lab.engine.quality.tables import cast, joined, table_of, violation_rows
from datawatch_lab.metrics.sketch import bin_values, bins_of
from datawatch_lab.quality.checks import check_rows
from datawatch_lab.quality.images import Bools, Images, Ints, images_of
from datawatch_lab.quality.monotonic import monotonic
from datawatch_lab.quality.unique import PAIR, ROW, judge
from datawatch_lab.quality.verdict import Verdict
from datawatch_lab.quality.windows import Sketch, States, states_of

log = logging.getLogger(__name__)

SKETCH = Sketch(bins_of, bin_values)
KEPT_ROWS = 100
"""Rows of a rule and batch that are kept with all their fields; the others are counted."""

SETTLE = timedelta(hours=1)
"""How long a parent may come after its child by the clock, so that the violation is taken back."""

_TRUNCATE = ord("t")


@dataclass
class Evaluation:
    """Rules over batches, in order of sequence number; makes one `Outcome`.

    Attributes:
        looking: see `Looking`.
        now: when it is found, by the clock.
        cells: small states by (rule, name); read, and written anew.
        remembered: holders in memory, when nothing is stored.
        problems: why rules could not be evaluated, by id.
        states: what aggregates add, by rule id.
    """

    looking: Looking
    now: datetime
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    remembered: Remembered | None = None
    problems: dict[str, str] = field(default_factory=dict)
    states: dict[str, list[States]] = field(default_factory=dict)
    _counts: list[tuple[str, int, int, int]] = field(default_factory=list)
    _violations: list[tuple[Any, ...]] = field(default_factory=list)
    _orphans: list[tuple[Any, ...]] = field(default_factory=list)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _released: list[pl.DataFrame] = field(default_factory=list)
    _emptied: list[str] = field(default_factory=list)
    _changed: dict[tuple[str, str], str] = field(default_factory=dict)

    def run(
        self, table: TableInfo, rules: Sequence[StoredRule], batches: Sequence[TableBatch]
    ) -> None:
        """Evaluate the rules of a table over its batches; a rule that cannot be is noted.

        Args:
            table: as it is now.
            rules: that are enabled.
            batches: of the table, in order of sequence number.
        """
        sides = [images_of(batch) for batch in batches]
        for stored in rules:
            try:
                self._run(table, stored, batches, sides)
            except InputError as error:
                self.problems[stored.id] = str(error)
            except Exception as error:
                log.exception("%s could not be evaluated", stored.rule.title)
                self.problems[stored.id] = f"{type(error).__name__}: {error}"
            else:
                self.problems.pop(stored.id, None)

    def _run(
        self,
        table: TableInfo,
        stored: StoredRule,
        batches: Sequence[TableBatch],
        sides: Sequence[Images],
    ) -> None:
        rule = stored.rule
        condition = self.looking.condition(table)
        kept = [_let_through(rule.filter, each, condition) for each in sides]
        verdicts: list[Verdict] = []
        if rule.kind.family == "unique":
            verdicts = self._unique(table, stored, batches, sides, kept)
        elif rule.kind.family == "reference":
            verdicts = self._references(stored, sides, kept)
        elif rule.kind.family == "aggregate":
            found = [
                states_of(rule, images, mask, SKETCH)
                for images, mask in zip(sides, kept, strict=True)
                if images.has(rule.field)
            ]
            self.states.setdefault(stored.id, []).extend(found)
        else:
            for images, mask in zip(sides, kept, strict=True):
                if rule.kind.family == "monotonic":
                    verdicts.append(self._monotonic(stored, images, mask))
                elif rule.kind.family == "row":
                    verdicts.append(check_rows(rule, images, condition))
        for images, verdict, mask in zip(sides, verdicts, kept, strict=False):
            self._count(table, stored, images, verdict.within(mask))

    def _count(
        self, table: TableInfo, stored: StoredRule, images: Images, verdict: Verdict
    ) -> None:
        minutes, places = images.minutes
        rows = np.bincount(places[verdict.looked], minlength=len(minutes))
        failed = np.bincount(places[verdict.failed], minlength=len(minutes))
        self._counts += [
            (stored.id, int(minutes[place]), int(rows[place]), int(failed[place]))
            for place in np.flatnonzero(rows)
        ]
        bad = np.flatnonzero(verdict.failed)[:KEPT_ROWS]
        if len(bad):
            self._violations += violation_rows(table, stored, images, bad)

    def _monotonic(self, stored: StoredRule, images: Images, kept: Bools) -> Verdict:
        name = (stored.id, "highest")
        before = self._changed.get(name, self.cells.get(name))
        verdict, after = monotonic(stored.rule, images, kept, float(before) if before else None)
        if after is not None:
            self._changed[name] = repr(after)
        return verdict

    # ------------------------------------------------------------------ uniqueness

    def _unique(
        self,
        table: TableInfo,
        stored: StoredRule,
        batches: Sequence[TableBatch],
        sides: Sequence[Images],
        kept: Sequence[Bools],
    ) -> list[Verdict]:
        by_insert = not table.key or set(table.key) <= set(stored.rule.columns)
        parts = [
            self._steps(table, stored, batch, images, mask, number, by_insert=by_insert)
            for number, (batch, images, mask) in enumerate(zip(batches, sides, kept, strict=True))
        ]
        steps = pl.concat([part for part, _ in parts]).sort("seq", "place", maintain_order=True)
        cleared = np.sort(np.concatenate([seqs for _, seqs in parts]))
        held = self.looking.holders.held(
            stored.id, steps.filter(pl.col("v_lo").is_not_null()), steps
        )
        stretch = np.searchsorted(cleared, steps["seq"].to_numpy())  # how many TRUNCATEs before
        broken = np.zeros(steps.height, dtype=np.bool_)
        found = judge(steps.clear(), held.clear(), by_insert=by_insert)
        for number in np.unique(np.append(stretch, len(cleared))).tolist():
            mine = stretch == number
            before = held.clear() if number else held
            found = judge(steps.filter(pl.Series(mine)), before, by_insert=by_insert)
            broken[mine] = found.broken
        self._keep(stored.id, found.rows, found.now, emptied=len(cleared) > 0)
        return verdicts_of(steps, broken, sides)

    def _keep(self, rule: str, rows: pl.DataFrame, now: pl.DataFrame, *, emptied: bool) -> None:
        if self.remembered is not None:
            self.remembered.keep(rule, rows, now, emptied=emptied)
            return
        if emptied:
            self._emptied.append(rule)
        named = pl.lit(rule).alias("rule")
        self._released.append(rows.select(named, *ROW))
        self._held.append(now.select(named, *PAIR, *ROW))

    def _steps(
        self,
        table: TableInfo,
        stored: StoredRule,
        batch: TableBatch,
        images: Images,
        kept: Bools,
        number: int,
        *,
        by_insert: bool,
    ) -> tuple[pl.DataFrame, Ints]:
        """Changes of a batch as steps, with the batch's number; seq of its TRUNCATEs.

        A row that the filter does not let through holds nothing.
        """
        hashes, columns = self.looking.store.hash_texts, stored.rule.columns
        row_key = columns if by_insert else table.key
        values = keys_of(batch.after, columns, hashes)
        rows = values if by_insert else keys_of(batch.after, row_key, hashes)
        told = rows.known.copy()
        for name in columns:
            told &= images.present(name)
        born = ord("r") if not table.key else ord("c")
        after = frame_of(
            seq=images.seq,
            place=np.arange(len(images)),
            batch=number,
            value=(values.hi, values.lo, values.known & kept),
            row=(rows.hi, rows.lo),
            born=(images.op == ord("c")) | (images.op == born),
        ).filter(pl.Series(told))
        events = batch.events
        codes = first_bytes(events["op"])
        seq = np.asarray(events["seq"].cast(pl.Int64).to_numpy())
        gone = self._gone(table, row_key, batch, seq, codes, after, number)
        return pl.concat([gone, after]), seq[codes == _TRUNCATE]

    def _gone(
        self,
        table: TableInfo,
        row_key: Sequence[str],
        batch: TableBatch,
        seq: np.ndarray,
        codes: np.ndarray,
        after: pl.DataFrame,
        number: int,
    ) -> pl.DataFrame:
        """Rows that end: deleted, or under another key from now on."""
        if not table.key or not len(batch.before.rows):
            return after.clear()
        old = keys_of(batch.before, row_key, self.looking.store.hash_texts)
        at = batch.before.rows
        none = np.zeros(len(at), dtype=np.int64)
        frame = frame_of(
            seq=seq[at],
            place=np.full(len(at), -1),
            batch=number,
            value=(none, none, none.astype(bool)),
            row=(old.hi, old.lo),
            born=none.astype(bool),
        ).filter(pl.Series(old.known))
        deleted = frame.filter(pl.col("seq").is_in(seq[codes == ord("d")]))
        moved = frame.filter(pl.col("seq").is_in(seq[codes == ord("u")])).join(
            after, on=["seq", *ROW], how="anti"
        )
        moved = moved.join(after.select("seq"), on="seq", how="semi")
        return pl.concat([deleted, moved])

    # ------------------------------------------------------------------ references

    def _references(
        self, stored: StoredRule, sides: Sequence[Images], kept: Sequence[Bools]
    ) -> list[Verdict]:
        field, (parent, column) = stored.rule.field, reference_of(stored.rule)
        looked = [images.filled(field) & mask for images, mask in zip(sides, kept, strict=True)]
        parts = [
            images.texts(field).filter(pl.Series(mask))
            for images, mask in zip(sides, looked, strict=True)
            if mask.any()
        ]
        known: Mapping[str, int] = {}
        if parts:
            values = pl.concat([part.rename("value") for part in parts]).unique()
            known = self.looking.parents(parent, column, values)
        found = pl.DataFrame(
            {"value": list(known.keys()), "until": list(known.values())},
            schema={"value": pl.String, "until": pl.Int64},
        )
        verdicts = []
        for images, mask in zip(sides, looked, strict=True):
            mine = pl.DataFrame({"value": images.texts(field).rename("value")})
            until = mine.join(found, on="value", how="left", maintain_order="left")["until"]
            failed = mask & (until.fill_null(-1).to_numpy() < images.seq)
            verdicts.append(Verdict(mask, failed))
            self._await_parents(stored, images, failed)
        return verdicts

    def _await_parents(self, stored: StoredRule, images: Images, failed: Bools) -> None:
        until = (self.now + SETTLE).replace(tzinfo=None)
        minute, texts = images.minute, images.texts(stored.rule.field)
        for place in np.flatnonzero(failed).tolist():
            seq = int(images.seq[place])
            self._orphans.append(
                (
                    stored.id,
                    violation_id(stored.id, seq),
                    texts[place],
                    int(minute[place]),
                    seq,
                    until,
                )
            )

    # ------------------------------------------------------------------ the outcome

    def carry(self) -> None:
        """Let the next batches see what these left behind; for evaluations that store nothing."""
        self.cells |= self._changed

    def counts(self) -> pl.DataFrame:
        """rule, bucket (epoch µs of the minute), rows, failed; one row a rule and minute."""
        frame = pl.DataFrame(
            self._counts,
            schema={"rule": pl.String, "bucket": pl.Int64, "rows": pl.Int64, "failed": pl.Int64},
            orient="row",
        )
        return frame.group_by("rule", "bucket", maintain_order=True).sum()

    def violations(self) -> pa.Table:
        """`core.quality.VIOLATION_SCHEMA`."""
        found = self.now.replace(tzinfo=None)
        rows = [(*row[:5], found, *row[5:]) for row in self._violations]
        return table_of(core.VIOLATION_SCHEMA, rows)

    def outcome(self, cursor: int | None = None) -> Outcome:
        """All that changes, but for windows and orphans of before."""
        moments, bins = self._state_tables()
        return Outcome(
            counts=cast(self.counts(), core.COUNT_SCHEMA),
            states=cast(moments, core.STATE_SCHEMA),
            bins=cast(bins, core.BIN_COUNT_SCHEMA),
            violations=self.violations(),
            released=joined(self._released),
            held=joined(self._held),
            orphans=table_of(core.ORPHAN_SCHEMA, self._orphans),
            cells=dict(self._changed),
            cursor=cursor,
            emptied=tuple(self._emptied),
        )

    def _state_tables(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        moments = [
            each.moments.select(
                pl.lit(rule).alias("rule"), pl.col("minute").alias("bucket"), pl.exclude("minute")
            )
            for rule, found in self.states.items()
            for each in found
            if each.moments.height
        ]
        bins = [
            each.bins.select(
                pl.lit(rule).alias("rule"), pl.col("minute").alias("bucket"), pl.exclude("minute")
            )
            for rule, found in self.states.items()
            for each in found
            if each.bins.height
        ]
        return (
            pl.concat(moments) if moments else pl.DataFrame(),
            pl.concat(bins) if bins else pl.DataFrame(),
        )


def _let_through(text: str, images: Images, condition: Any) -> Bools:
    """Where a filter is true; everywhere without one."""
    if not text:
        return np.ones(len(images), dtype=np.bool_)
    true: Bools = condition(text, images)[1]
    return true
