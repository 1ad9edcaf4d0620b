"""Rules tried without storing anything: on the past, on every row of now, on one record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.rules import check_rule, evaluate_past
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.engine.quality.windows import Windows, said
from datawatch_lab.quality.scores import Count

if TYPE_CHECKING:
    from datawatch_lab.engine.quality.stage import Quality

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_ROW = ("row", "reference")  # families that say the same of a row whatever came before it


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


def backtest(
    quality: Quality, rule: Rule, start: datetime | None = None, end: datetime | None = None
) -> Tried:
    """What a rule would have said of events of a range; nothing is stored.

    A rule that judges each row by itself reads the log from there on; others need what was before.
    """
    rule = check_rule(quality, rule)
    table = quality.engine.table(rule.table)
    stored = StoredRule(id=rule.id, rule=rule, origin="user", created=_EPOCH)
    upto = quality.engine.last_seq
    after = _before(quality, start, upto) if rule.kind.family in _BY_ROW else 0
    evaluation = evaluate_past(quality, table, [stored], after, upto)
    return _tried(evaluation, stored, table, start, end)


def _before(quality: Quality, start: datetime | None, upto: int) -> int:
    """Up to which sequence number no event of a range can be: it is received when it is, or later.

    An event may be ahead of the clock by no more than the workspace allows.
    """
    ahead = quality.engine.settings.future_tolerance
    if start is None or start <= _EPOCH + ahead:
        return 0
    return quality.engine.store.retention.expired_to(upto, start - ahead)


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
        windows = Windows(None, evaluation.states, evaluation.problems).judge([(stored, table.id)])
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
