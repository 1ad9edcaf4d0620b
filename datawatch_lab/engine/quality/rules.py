"""Rules of quality made, changed, dropped, tried on the past, and proposed from the data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.errors import InputError, NotFoundError, not_found
from datawatch_lab.core.plans import check_feature
from datawatch_lab.core.quality import Rule, StoredRule, checked, reference_of
from datawatch_lab.core.quality_results import Outcome
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.engine.quality.windows import Windows, said
from datawatch_lab.metrics.expressions import compile_filter, kinds_of
from datawatch_lab.quality.comparison import columns_compared
from datawatch_lab.quality.images import images_of
from datawatch_lab.quality.scores import Count
from datawatch_lab.quality.suggest import Suggestion, likely_parents, propose

if TYPE_CHECKING:
    from datawatch_lab.engine.quality.stage import Quality

BACK_FILL_EVENTS = 500_000
"""Newest events of the log that a new rule is evaluated on."""

_SAMPLE_EVENTS = 20_000
_LEAST_CONTAINED = 0.95
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CUSTOM = ("sql", "expression")


@dataclass(frozen=True)
class Tried:
    """What a rule would have said.

    Attributes:
        rule: that was tried.
        count: rows and failures.
        minutes: bucket (epoch µs), rows, failed of each minute or window that has any.
        violations: a sample as dicts of `core.quality.VIOLATION_SCHEMA`.
        problem: why it could not be evaluated; '' when it was.
    """

    rule: Rule
    count: Count
    minutes: pl.DataFrame
    violations: list[dict[str, Any]]
    problem: str = ""


def check_rule(quality: Quality, rule: Rule, *, known: bool = True) -> Rule:
    """A rule that can be evaluated in this workspace.

    Args:
        quality: of the workspace.
        rule: as it was given.
        known: its table and columns must exist; those of a configuration may come later.

    Raises:
        InputError: it cannot be read; NotFoundError: what it names does not exist.
        PlanError: the plan does not include it.
    """
    rule, engine = checked(rule), quality.engine
    if not rule.kind.basic:
        check_feature(engine.settings.plan, "quality")
    if rule.rule in _CUSTOM:
        check_feature(engine.settings.plan, "custom_quality")
    try:
        table = engine.table(rule.table)
    except NotFoundError:
        if known:
            raise
        return rule
    names = [each.name for each in table.columns]
    for column in rule.columns:
        if known and column not in names:
            raise not_found("column", column, names, where=f"{rule.table}: {rule.rule}")
    if known:
        _check_texts(quality, rule, table)
    return rule


def _check_texts(quality: Quality, rule: Rule, table: TableInfo) -> None:
    kinds = kinds_of(table.columns)
    if rule.filter:
        compile_filter(rule.filter, kinds, table=table.name)
    parts = columns_compared(rule.expression)
    if rule.expression and not (parts and {parts[0], parts[2]} <= set(kinds)):
        compile_filter(rule.expression, kinds, table=table.name)
    if rule.sql:
        quality.engine.sql(rule.sql, limit=1)
    if rule.references:
        parent, column = reference_of(rule)
        other = quality.engine.table(parent)
        if other.column(column) is None:
            raise not_found("column", column, [c.name for c in other.columns], where=parent)


def add(
    quality: Quality,
    rules: Iterable[Rule],
    *,
    origin: str = "user",
    backfill: bool = True,
    known: bool = True,
) -> list[StoredRule]:
    """Keep rules, and count what the log holds for them; those that are there already stay.

    Raises:
        InputError: one of them cannot be kept; none is.
    """
    ready = [check_rule(quality, rule, known=known) for rule in rules]
    now = quality.engine.clock.now()
    with quality.exclusive():
        quality.begin()
        have = {each.id: each for each in quality.rules}
        made = [
            StoredRule(id=r.id, rule=r, origin=origin, created=now, since=quality.cursor)
            for r in ready
        ]
        fresh = [each for each in {m.id: m for m in made}.values() if each.id not in have]
        again = [msgspec.structs.replace(have[m.id], rule=m.rule) for m in made if m.id in have]
        if again:
            quality.put(again)
        by_table: dict[str, list[StoredRule]] = {}
        for each in fresh:
            by_table.setdefault(each.rule.table, []).append(each)
        for table, mine in by_table.items():
            outcome = _back_filled(quality, table, mine, backfill=backfill)
            quality.put(mine, outcome=outcome)
        current = {each.id: each for each in quality.rules}
        return [current[each.id] for each in made]


def _back_filled(
    quality: Quality, table: str, rules: Sequence[StoredRule], *, backfill: bool
) -> Outcome:
    """What the log holds for new rules, up to the cursor."""
    tables = {each.name: each for each in quality.engine.tables()}
    if not backfill or table not in tables:
        return Outcome()
    start = max(quality.cursor - BACK_FILL_EVENTS, 0)
    evaluation = evaluate_past(quality, tables[table], rules, start, quality.cursor)
    outcome = evaluation.outcome()
    mine = [(each, tables[table].id) for each in rules if each.id in evaluation.states]
    now = quality.engine.clock.now()
    found = said(Windows(None, evaluation.states).judge(mine), now)
    held = [
        pairs.with_columns(rule=pl.lit(rule))
        for rule, pairs in (evaluation.remembered or Remembered()).pairs.items()
    ]
    schema = Outcome().held.schema
    return replace(
        outcome,
        verdicts=found.verdicts,
        violations=pa.concat_tables([outcome.violations, found.violations]),
        withdrawn=found.withdrawn,
        held=pl.concat(held).select(schema.names).to_arrow().cast(schema) if held else outcome.held,
    )


def evaluate_past(
    quality: Quality, table: TableInfo, rules: Sequence[StoredRule], after: int, upto: int
) -> Evaluation:
    """Rules over events of the log, through the code that evaluates what comes."""
    remembered = Remembered()
    looking = Looking(quality.looking.store, quality.looking.tables, remembered)
    evaluation = Evaluation(looking, quality.engine.clock.now(), remembered=remembered)
    history = quality.engine.measures.history
    for batch in history.batches(table, after, upto):
        evaluation.run(table, rules, [batch])
        evaluation.carry()
    return evaluation


def change(quality: Quality, id_: str, rule: Rule) -> StoredRule:
    """Put a rule in the place of another; what it counts begins anew where its meaning changes.

    Raises:
        NotFoundError: there is no such rule.
        InputError: the new one cannot be kept.
    """
    old = named(quality, id_)
    rule = check_rule(quality, rule)
    made = msgspec.structs.replace(old, rule=rule)
    with quality.exclusive():
        if rule.meaning == old.rule.meaning:
            quality.put([made])
            return made
        made = msgspec.structs.replace(made, since=quality.cursor)
        outcome = _back_filled(quality, rule.table, [made], backfill=True)
        quality.put([made], anew=[old.id], outcome=outcome)
    return made


def remove(quality: Quality, id_: str) -> StoredRule:
    """Drop a rule with all that it counted and found.

    Raises:
        NotFoundError: there is no such rule.
    """
    old = named(quality, id_)
    quality.put([], dropped=[old.id])
    return old


def named(quality: Quality, id_: str) -> StoredRule:
    """A rule by its id, or the beginning of it, or its title.

    Raises:
        NotFoundError: there is none, or several.
    """
    rules = quality.rules
    found = [each for each in rules if id_ in (each.id, each.rule.title)]
    found = found or [each for each in rules if len(id_) >= 6 and each.id.startswith(id_)]
    if len(found) != 1:
        raise not_found("rule", id_, [each.rule.title for each in rules])
    return found[0]


def configure(quality: Quality, rules: Iterable[Rule]) -> None:
    """Make the rules of the configuration those that it states now; others are left alone."""
    stated = {rule.id: rule for rule in rules}
    gone = [e.id for e in quality.rules if e.origin == "config" and e.id not in stated]
    if gone:
        quality.put([], dropped=gone)
    if stated:
        add(quality, stated.values(), origin="config", known=False)


# ---------------------------------------------------------------------- on the past, and now


def backtest(
    quality: Quality, rule: Rule, start: datetime | None = None, end: datetime | None = None
) -> Tried:
    """What a rule would have said of events of a range; nothing is stored."""
    rule = check_rule(quality, rule)
    table = quality.engine.table(rule.table)
    stored = StoredRule(id=rule.id, rule=rule, origin="user", created=_EPOCH)
    evaluation = evaluate_past(quality, table, [stored], 0, quality.engine.last_seq)
    return _tried(evaluation, stored, table, start, end)


def check_now(quality: Quality, rules: Sequence[Rule]) -> list[Tried]:
    """Rules over all rows that live tables have now; of tables without a key, over their log."""
    by_table: dict[str, list[Rule]] = {}
    for rule in rules:
        by_table.setdefault(rule.table, []).append(rule)
    found = []
    for name, mine in by_table.items():
        table = quality.engine.table(name)
        stored = [StoredRule(id=r.id, rule=r, origin="user", created=_EPOCH) for r in mine]
        if table.key:
            evaluation = _over_live(quality, table, stored)
        else:
            evaluation = evaluate_past(quality, table, stored, 0, quality.engine.last_seq)
        found += [_tried(evaluation, each, table, None, None) for each in stored]
    return found


def _over_live(quality: Quality, table: TableInfo, rules: Sequence[StoredRule]) -> Evaluation:
    remembered = Remembered()
    looking = Looking(quality.looking.store, quality.looking.tables, remembered)
    evaluation = Evaluation(looking, quality.engine.clock.now(), remembered=remembered)
    for batch in live_batches(quality, table):
        evaluation.run(table, rules, [batch])
        evaluation.carry()
    return evaluation


def live_batches(quality: Quality, table: TableInfo) -> Iterator[TableBatch]:
    """The rows that a keyed table has now, as snapshot rows with the time of their last change."""
    names = [each.name for each in table.columns]
    for rows in quality.engine.store.live_scan(table, names, chunk=100_000):
        order = rows.heads["seq"].arg_sort()
        heads, columns = rows.heads[order], rows.rows[order]
        events = heads.select(
            "seq",
            pl.lit("r").alias("op"),
            pl.col("at").alias("ts"),
            pl.col("at").alias("received"),
            "ordinal",
            "sub",
            pl.lit(value=False).alias("ordered"),
        )
        places = np.arange(heads.height)
        yield TableBatch(table, events, RowFrame(places, columns), RowFrame.empty())


def _tried(
    evaluation: Evaluation,
    stored: StoredRule,
    table: TableInfo,
    start: datetime | None,
    end: datetime | None,
) -> Tried:
    counts = evaluation.counts().filter(pl.col("rule") == stored.id)
    violations = [v for v in evaluation.violations().to_pylist() if v["rule"] == stored.id]
    if stored.id in evaluation.states:
        windows = Windows(None, evaluation.states).judge([(stored, table.id)])
        result = said(windows, evaluation.now)
        judged = pl.DataFrame(result.verdicts)
        counts = judged.with_columns(pl.col("bucket").dt.epoch("us"))
        violations = result.violations.to_pylist()
    low, high = (
        None if t is None else int((t - _EPOCH) / timedelta(microseconds=1)) for t in (start, end)
    )
    if low is not None:
        counts = counts.filter(pl.col("bucket") >= low)
        violations = [v for v in violations if _micros(v["at"]) >= low]
    if high is not None:
        counts = counts.filter(pl.col("bucket") < high)
        violations = [v for v in violations if _micros(v["at"]) < high]
    return Tried(
        rule=stored.rule,
        count=Count(int(counts["rows"].sum()), int(counts["failed"].sum())),
        minutes=counts.select("bucket", "rows", "failed").sort("bucket"),
        violations=violations,
        problem=evaluation.problems.get(stored.id, ""),
    )


def _micros(at: datetime) -> int:
    return int((at.replace(tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))


def validate(quality: Quality, table: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What breaks a rule if a record were inserted now: dicts of rule, title, words, value.

    Raises:
        NotFoundError: there is no such table.
    """
    info, engine = quality.engine.table(table), quality.engine
    if not record:
        raise InputError(f"{table}: the record is empty.")
    now = engine.clock.now()
    images = parse_images(pl.Series([json.dumps(record, default=str)]))
    events = pl.DataFrame(
        {"seq": [engine.last_seq + 1], "op": ["c"], "ts": [now], "received": [now]}
    ).with_columns(pl.col("ts", "received").dt.cast_time_unit("us"))
    batch = TableBatch(info, events, images, RowFrame.empty())
    evaluation = Evaluation(quality.looking, now, dict(quality.cells))
    rules = [e for e in quality.of_table(info) if e.rule.kind.family != "aggregate"]
    evaluation.run(info, rules, [batch])
    by_id = {each.id: each for each in rules}
    return [
        {
            "rule": found["rule"],
            "title": by_id[found["rule"]].rule.title,
            "severity": by_id[found["rule"]].rule.severity,
            "value": found["value"],
            "words": found["words"],
        }
        for found in evaluation.violations().to_pylist()
    ]


# ---------------------------------------------------------------------- proposed


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
