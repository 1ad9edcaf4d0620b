"""Rules proposed from the data, each with a reason and the share of rows that pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.quality.images import images_of
from datawatch_lab.quality.suggest import Suggestion, likely_parents, propose

if TYPE_CHECKING:
    from datawatch_lab.engine.quality.stage import Quality

_SAMPLE_EVENTS = 20_000
_LEAST_CONTAINED = 0.95
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def suggest(quality: Quality, table: str | None = None) -> list[Suggestion]:
    """Rules that the data suggests and that are not there yet, with reason and pass rate."""
    engine = quality.engine
    tables = engine.tables() if table is None else [engine.table(table)]
    have = {each.id for each in quality.rules}
    about = {(e.rule.table, e.rule.columns, e.rule.rule) for e in quality.rules}
    found: list[Suggestion] = []
    for each in tables:
        wanted = [
            (rule, reason)
            for rule, reason in _proposed(quality, each)
            if rule.id not in have and (rule.table, rule.columns, rule.rule) not in about
        ]
        found += _rated(quality, each, wanted)
    return found


def _sample(quality: Quality, table: TableInfo) -> list[TableBatch]:
    """The newest rows of a table that the log holds, newest last."""
    engine = quality.engine
    upto, batches, rows = engine.last_seq, list[TableBatch](), 0
    step = _SAMPLE_EVENTS * 2
    while upto > 0 and rows < _SAMPLE_EVENTS:
        after = max(upto - step, 0)
        part = [b for b in engine.measures.history.batches(table, after, upto) if b.events.height]
        batches = part + batches
        rows += sum(each.events.height for each in part)
        upto, step = after, step * 4
    return batches


def _proposed(quality: Quality, table: TableInfo) -> Iterator[tuple[Rule, str]]:
    batches = _sample(quality, table)
    sides = [images_of(each) for each in batches]
    largest = max(sides, key=len, default=None)
    if largest is None:
        return
    yield from propose(table, largest)
    tables = {each.name: each for each in quality.engine.tables()}
    for column, parent, key in likely_parents(table, tables):
        if not largest.has(column):
            continue
        values = largest.texts(column).drop_nulls().unique()
        if not len(values):
            continue
        known = quality.looking.parents(parent, key, values)
        share = len(known) / len(values)
        if share >= _LEAST_CONTAINED:
            rule = Rule(
                table.name, "referential_integrity", field=column, references=f"{parent}.{key}"
            )
            yield rule, f"{share:.1%} of its {len(values):,} values are in {parent}.{key}"


def _rated(
    quality: Quality, table: TableInfo, wanted: Sequence[tuple[Rule, str]]
) -> list[Suggestion]:
    """Suggestions with the share of the sample that passes."""
    stored = [StoredRule(id=r.id, rule=r, origin="suggested", created=_EPOCH) for r, _ in wanted]
    remembered = Remembered()
    looking = Looking(quality.looking.store, quality.looking.tables, remembered)
    evaluation = Evaluation(looking, quality.engine.clock.now(), remembered=remembered)
    for batch in _sample(quality, table) if stored else ():
        evaluation.run(table, stored, [batch])
        evaluation.carry()
    counts = evaluation.counts().group_by("rule").agg(pl.col("rows", "failed").sum())
    sums = {rule: (rows, failed) for rule, rows, failed in counts.iter_rows()}
    found = []
    for each, (rule, reason) in zip(stored, wanted, strict=True):
        rows, failed = sums.get(each.id, (0, 0))
        if rows:
            found.append(Suggestion(rule, reason, 1 - failed / rows, rows))
    return found
