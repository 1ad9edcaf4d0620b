"""Rules over rows say what the oracle says, however the rows are cut into batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.values import Column, TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.engine.quality.windows import Windows
from tests.oracle import quality as oracle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLE = TableInfo(
    id=1, schema="", table="t", name="t", key=("id",), columns=(Column(name="id"), Column(name="v"))
)
MISSING = object()


class Hashes:
    """Stands for a store that hashes texts, which is all that these rules ask of it."""

    def hash_texts(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Two halves of a text."""
        found = [hash(each) for each in texts.to_list()]
        return np.array(found, dtype=np.int64), np.array(found, dtype=np.int64)


def batch_of(changes: Sequence[dict[str, Any]], first: int = 1) -> TableBatch:
    """Changes as a batch; ``at`` is minutes before now."""
    rows = [json.dumps(each["row"]) for each in changes]
    ops = [each["op"] for each in changes]
    after = [place for place, op in enumerate(ops) if op in "cu"]
    before = [place for place, op in enumerate(ops) if op == "d"]
    times = [NOW - timedelta(minutes=each.get("at", 0)) for each in changes]
    events = pl.DataFrame(
        {
            "seq": pl.Series(range(first, first + len(rows)), dtype=pl.Int64),
            "op": pl.Series(ops, dtype=pl.String),
            "ts": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
            "received": pl.Series([NOW] * len(rows), dtype=pl.Datetime("us", "UTC")),
        }
    )
    sides = [
        parse_images(pl.Series([rows[p] for p in places], dtype=pl.String), np.array(places))
        if places
        else RowFrame.empty()
        for places in (after, before)
    ]
    return TableBatch(TABLE, events, sides[0], sides[1])


def evaluated(rule: Rule, changes: Sequence[dict[str, Any]], cuts: Sequence[int]) -> Evaluation:
    """A rule over changes that are cut into batches."""
    holders = Remembered()
    looking = Looking(Hashes(), dict, holders)  # type: ignore[arg-type]  # all that is asked of it
    evaluation = Evaluation(looking, NOW, remembered=holders)
    stored = StoredRule(id="r", rule=rule, origin="user", created=NOW)
    places = sorted({0, len(changes), *(cut % (len(changes) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        evaluation.run(TABLE, [stored], [batch_of(changes[start:end], start + 1)])
        evaluation.carry()
    assert not evaluation.problems
    return evaluation


def totals(evaluation: Evaluation) -> tuple[int, int]:
    """Rows looked at and failed."""
    counts = evaluation.counts()
    return int(counts["rows"].sum()), int(counts["failed"].sum())


TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "paid",
            "unknown",
            "12",
            "-3",
            "0.0",
            "abc",
            "a@b.co",
            "a@b",
            "@b.co",
            "x y@b.co",
        ),
        *(
            "ann.o'neil+x@mail.example.org",
            "a@-b.co",
            "7b0e6a2e-3d55-4c1e-9d7a-3a6f0d1b2c3d",
            "7b0e",
        ),
    ]
)
NUMBERS = st.integers(-5, 5) | st.sampled_from([0.5, -0.5, 2.25, 1e10])
VALUES = st.one_of(st.none(), TEXTS), st.one_of(st.none(), NUMBERS)
RULES = [
    *(Rule("t", kind, field="v") for kind in ("not_null", "not_empty", "positive", "non_negative")),
    Rule("t", "in_range", field="v", min=-1, max=2.25),
    Rule("t", "in_set", field="v", values=("paid", 1, "0.5")),
    Rule("t", "not_in_set", field="v", values=("unknown", 2)),
    Rule("t", "regex", field="v", pattern="[a-z]+|-?[0-9]"),
    Rule("t", "email_format", field="v"),
    Rule("t", "uuid_format", field="v"),
    Rule("t", "length", field="v", min=2, max=5),
    Rule("t", "monotonic", field="v"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
@given(data=st.data(), cuts=st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=25)
def test_rows_are_judged_as_the_oracle_does(
    rule: Rule, data: st.DataObject, cuts: list[int]
) -> None:
    """Null, missing and odd values included; a column holds texts or numbers."""
    kind = data.draw(st.sampled_from(VALUES))
    values = data.draw(st.lists(st.one_of(kind, st.just(MISSING)), min_size=1, max_size=30))
    if rule.rule == "monotonic":
        values = [v for v in values if not isinstance(v, str)] or [1]
    changes = [
        {"op": "c", "row": {"id": n} | ({} if v is MISSING else {"v": v})}
        for n, v in enumerate(values)
    ]
    said = rule.as_dict() | {"rule": rule.rule}
    assert totals(evaluated(rule, changes, cuts)) == oracle.looked_and_failed(said, changes)


CHANGE = st.fixed_dictionaries(
    {
        "op": st.sampled_from("cccuud"),
        "row": st.fixed_dictionaries(
            {"id": st.integers(1, 6), "v": st.none() | st.integers(1, 4), "w": st.integers(1, 2)}
        ),
    }
)


@pytest.mark.parametrize("fields", [("v",), ("v", "w"), ("id",)], ids=",".join)
@given(changes=st.lists(CHANGE, min_size=1, max_size=30), cuts=st.lists(st.integers(0, 40)))
@settings(max_examples=40)
def test_uniqueness_follows_rows_through_their_changes(
    fields: tuple[str, ...], changes: list[dict[str, Any]], cuts: list[int]
) -> None:
    """A value is free again when its row changes or goes; batches make no difference."""
    rule = Rule("t", "unique", fields=fields)
    expected = oracle.unique({"fields": list(fields)}, changes)
    assert totals(evaluated(rule, changes, cuts)) == expected


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
def test_a_truncate_frees_every_value(cuts: list[int]) -> None:
    """What was held before it may be taken after it; what comes after is held again."""
    changes = [
        {"op": "c", "row": {"id": 1, "v": 7}},
        {"op": "c", "row": {"id": 2, "v": 7}},
        {"op": "t", "row": {}},
        {"op": "c", "row": {"id": 3, "v": 7}},
        {"op": "c", "row": {"id": 4, "v": 7}},
    ]
    assert totals(evaluated(Rule("t", "unique", field="v"), changes, cuts)) == (4, 2)


@pytest.mark.parametrize("cuts", [[], [2], [4, 5], [1, 2, 3, 4, 5, 6, 7]])
def test_every_truncate_of_an_evaluation_frees_every_value(cuts: list[int]) -> None:
    """Also one that another follows: what is between them was not held when it began."""
    ops = "ctcttctcc"
    changes: list[dict[str, Any]] = [
        {"op": op, "row": {"id": n, "v": 7} if op == "c" else {}} for n, op in enumerate(ops)
    ]
    assert totals(evaluated(Rule("t", "unique", field="v"), changes, cuts)) == (5, 1)


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
@pytest.mark.parametrize("kind", ["unique", "monotonic"])
def test_what_a_filter_leaves_out_is_not_remembered(kind: str, cuts: list[int]) -> None:
    """A row that does not count neither holds a value nor raises what values are measured by."""
    rows = [(11, 7), (1, 5), (2, 6), (12, 9), (3, 6), (4, 7)]
    changes = [{"op": "c", "row": {"id": id_, "v": v}} for id_, v in rows]
    rule = Rule("t", kind, field="v", filter="id != '11' and id != '12'")
    assert totals(evaluated(rule, changes, cuts)) == (4, 1 if kind == "unique" else 0)


@pytest.mark.parametrize("kind", ["mean", "stddev"])
@given(
    rows=st.lists(st.tuples(st.integers(0, 300), st.none() | st.integers(-9, 9)), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=3),
)
@settings(max_examples=25)
def test_windows_are_judged_as_pandas_does(
    kind: str, rows: list[tuple[int, int | None]], cuts: list[int]
) -> None:
    """Mean and standard deviation by hour, of hours with ten values or more."""
    rule = Rule("t", kind, field="v", min=-1.005, max=4.005)
    changes = [{"op": "c", "at": at, "row": {"id": n, "v": v}} for n, (at, v) in enumerate(rows)]
    evaluation = evaluated(rule, changes, cuts) if changes else None
    judged = []
    if evaluation is not None:
        stored = StoredRule(id="r", rule=rule, origin="user", created=NOW)
        judged = [each[3] for each in Windows(None, evaluation.states).judge([(stored, 1)])]
    times = [NOW - timedelta(minutes=at) for at, _ in rows]
    expected = oracle.windows(rule.as_dict(), times, [v for _, v in rows], 10)
    known = [each for each in judged if each.ok is not None]
    assert (len(known), sum(not each.ok for each in known)) == expected


def test_a_comparison_of_times_takes_them_as_times() -> None:
    """Zones count; a null on either side is not looked at."""
    table = Rule("t", "comparison", expression="shipped >= created")
    rows = [
        ("2026-01-01T10:00:00Z", "2026-01-01T11:00:00+02:00", 1),  # shipped at 9 UTC
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5Z", 0),
        ("2026-01-01", "2026-01-02 00:00:00", 0),
        (None, "2026-01-02", 0),
    ]
    changes = [
        {"op": "c", "row": {"id": n, "created": a, "shipped": b}}
        for n, (a, b, _) in enumerate(rows)
    ]
    assert totals(evaluated(table, changes, [2])) == (3, 1)


def test_drift_is_seen_and_a_window_like_the_others_is_not() -> None:
    """The index of a window of the same values is small, of shifted ones large."""
    rule = Rule("t", "distribution_drift", field="v", baseline="6h")
    stored = StoredRule(id="r", rule=rule, origin="user", created=NOW)
    changes = [
        {"op": "c", "at": 299 - n % 300, "row": {"id": n, "v": n * 7919 % 100 + shift}}
        for n in range(1200)
        for shift in ([60] if 299 - n % 300 < 60 else [0])
    ]
    windows = Windows(None, evaluated(rule, changes, []).states).judge([(stored, 1)])
    known = {start: each.ok for _, _, start, each in windows if each.ok is not None}
    last = max(known)
    assert not known[last]
    assert all(ok for start, ok in known.items() if start < last - timedelta(hours=1))
