from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.oracle import plant
from tests.oracle.buckets import AGGREGATIONS, QUANTILES, Rows, by_bucket
from tests.oracle.oracle import LEVELS, Oracle
from tests.oracle.reading import micros, read

MINUTE = 60_000_000
T0 = micros(datetime(2024, 5, 1, 12, tzinfo=UTC))
FIELDS = {
    "orders": {
        "key": ("id",),
        "numeric": ("amount",),
        "id": ("customer",),
        "status": ("status",),
        "timestamp": ("created_at",),
    }
}

STEADY = ("orders_channel", "payments_provider", "customers_country", "customers_tier")
"""Status fields that no update of the plant changes."""


def _line(number: int, second: int, op: str, before: object, after: object) -> str:
    event: dict[str, Any] = {"id": number, "table": "orders", "operation": op}
    event["timestamp"] = f"2024-05-01T12:{second // 60:02}:{second % 60:02}Z"
    return json.dumps(event | {"before": before, "after": after})


def _row(key: int, status: str | None, amount: str | None, **more: object) -> dict[str, object]:
    row: dict[str, object] = {"id": key, "status": status, "amount": amount, "customer": key % 2}
    return row | {"created_at": "2024-05-01T14:00:00+02:00"} | more


@pytest.fixture
def small(tmp_path: Path) -> Oracle:
    """Two minutes: inserts of 10, 20.5, null and no amount; an update; a delete; a duplicate."""
    lines = [
        _line(1, 0, "INSERT", None, _row(1, "new", "10")),
        _line(2, 30, "INSERT", None, _row(2, "new", "20.5")),
        _line(3, 59, "INSERT", None, _row(3, None, None)),
        _line(3, 59, "INSERT", None, _row(3, None, None)),
        _line(4, 70, "UPDATE", _row(1, "new", "10"), _row(1, "paid", "12.25")),
        _line(5, 80, "DELETE", _row(2, "new", "20.5"), None),
        _line(6, 90, "INSERT", None, {"id": 4, "customer": 0}),
        "not json",
    ]
    path = tmp_path / "small.ndjson"
    path.write_text("\n".join(lines) + "\n")
    return Oracle(read(path), FIELDS)


@pytest.mark.parametrize(
    ("name", "aggregation", "expected"),
    [
        ("orders_total", None, [3, 3]),
        ("orders_inserts_total", None, [3, 1]),
        ("orders_updates_total", None, [1]),
        ("orders_deletes_total", None, [1]),
        ("orders_created_rate", None, [3, 1]),
        ("events_total", None, [3, 3]),
        ("orders_amount_sum", None, [30.5]),
        ("orders_amount_avg", None, [15.25]),
        ("orders_amount_p50", None, [15.25]),
        ("orders_amount_max", None, [20.5]),
        ("orders_amount_sum", "count", [2]),
        ("orders_amount_sum", "last", [20.5]),
        ("orders_amount_net_sum", None, [30.5, -18.25]),
        ("orders_status_transitions", None, [1]),
        ("orders_amount_null_ratio", None, [1 / 3]),
        ("orders_customer_cardinality", None, [2, 1]),
        ("orders_rows", None, [3, 3]),
        ("orders_created_at_freshness_seconds", None, [60, 120]),
    ],
)
def test_points_of_a_small_file(
    small: Oracle, name: str, aggregation: str | None, expected: list[float]
) -> None:
    """Points by the minute are those worked out by hand."""
    points = small.points(name, 60, aggregation)[""]
    assert list(points.values()) == pytest.approx(expected)
    assert all(at % MINUTE == 0 for at in points)


def test_states_of_a_small_file(small: Oracle) -> None:
    """Rows by status follow the live table; a missing field is null there."""
    ends = {k: list(v.values())[-1] for k, v in small.points("orders_by_status", 60).items()}
    assert ends == {"new": 0, "paid": 1, "(null)": 2}
    moved = {T0 + MINUTE: 1.0}
    assert small.points("orders_status_transitions", 60, by="from") == {"new": moved}
    assert small.points("orders_status_transitions", 60, by="from,to") == {"newpaid": moved}


def test_split_by_status(small: Oracle) -> None:
    """A split counts each change under its new status, a deleted row under its last."""
    split = small.points("orders_total", 60, by="status")
    assert split == {
        "new": {T0: 2.0, T0 + MINUTE: 1.0},
        "(null)": {T0: 1.0},
        "paid": {T0 + MINUTE: 1.0},
        "(missing)": {T0 + MINUTE: 1.0},
    }


def test_value_over_a_range(small: Oracle) -> None:
    """One value covers exactly the half-open range."""
    assert small.value("orders_amount_sum", T0, T0 + 30_000_000) == {"": 10.0}
    assert small.value("orders_amount_sum", T0, T0 + 30_000_001) == {"": 30.5}
    assert small.value("orders_created_rate", T0, T0 + 2 * MINUTE) == {"": 2.0}
    assert small.value("orders_rows", T0, T0 + 31_000_000) == {"": 2.0}
    assert small.value("orders_amount_sum", 0, 1) == {}


def test_quantiles_are_those_of_numpy() -> None:
    """All quantiles of all buckets at once equal numpy's of each bucket."""
    rng = np.random.default_rng(3)
    buckets = np.sort(rng.integers(0, 40, 500))
    values = rng.lognormal(size=500).round(3).tolist()
    rows = Rows(buckets, values)
    for how, q in QUANTILES.items():
        expected = {
            int(b): np.percentile(np.array(values)[buckets == b], 100 * q)
            for b in np.unique(buckets)
        }
        assert by_bucket(rows, buckets, how, 1.0) == pytest.approx(expected)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """The oracle of a planted file."""
    path = tmp_path_factory.mktemp("oracle") / "mixed.ndjson"
    answers = plant.write(path, plant.Options(events=5_000, start=datetime(2024, 5, 1, tzinfo=UTC)))
    return Oracle(read(path), answers["fields"])


def test_every_metric_answers_at_every_level(whole: Oracle) -> None:
    """All metrics have points at all levels, but for changes that a table or field never has."""
    changes = ("updates_total", "deletes_total", "updated_rate", "deleted_rate")
    never = {f"{table}_{change}" for table in ("entries", "clicks") for change in changes}
    never |= {f"{field}_transitions" for field in STEADY}
    for name in whole.names():
        for step in LEVELS.values():
            points = whole.points(name, step)
            assert bool(points) == (name not in never), name
            assert all(points.values()), name


def test_sums_agree_over_levels(whole: Oracle) -> None:
    """The exact sum of a coarse bucket is that of its finer ones, beyond what a double holds."""
    fine = whole.exact_sums("customers_balance_sum", 1)
    hours = whole.exact_sums("customers_balance_sum", 3_600)
    assert sum(fine.values()) == sum(hours.values())
    assert any(int(value) != int(float(value)) for value in hours.values())
    assert all(isinstance(value, Decimal) for value in fine.values())


def _answer(oracle: Oracle, name: str, how: str, by: str = "") -> dict[str, Any]:
    """What a right engine would answer, as ``query --json`` writes it."""
    series = [
        {
            "labels": {by: label} if by else {},
            "points": [
                [datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z"), value]
                for at, value in points.items()
            ],
        }
        for label, points in oracle.points(name, 300, how, by).items()
    ]
    return {
        "metric": name,
        "aggregation": how,
        "from": "2024-04-30T00:00:00Z",
        "to": "2024-05-03T00:00:00Z",
        "step": "5m",
        "series": series,
    }


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_right_answer_has_no_differences(whole: Oracle, how: str) -> None:
    """An answer made of the oracle's own points agrees, split or not."""
    for by in ("", "status"):
        assert whole.differences(_answer(whole, "orders_amount_sum", how, by)) == []


def test_a_wrong_answer_is_told(whole: Oracle) -> None:
    """A wrong value, a point too many and a point too few are each reported."""
    right = _answer(whole, "orders_amount_sum", "sum")
    points = right["series"][0]["points"]
    wrong = [[points[0][0], points[0][1] + 0.01], *points[2:], ["2024-05-02T00:00:00Z", 1.0]]
    found = whole.differences({**right, "series": [{"labels": {}, "points": wrong}]})
    assert len(found) == 3
    assert points[0][0][:16] in found[0]
    assert "expected None" in found[-1]


def test_a_missing_series_is_told(whole: Oracle) -> None:
    """An answer that lacks a label value differs at every one of its buckets."""
    right = _answer(whole, "orders_inserts_total", "sum", "channel")
    lacking = {**right, "series": right["series"][1:]}
    label = right["series"][0]["labels"]["channel"]
    assert repr(label) in whole.differences(lacking)[0]


def test_empty_buckets_may_be_null_or_zero(whole: Oracle) -> None:
    """Zeros and nulls outside the data are no difference."""
    right = _answer(whole, "orders_inserts_total", "sum")
    right["series"][0]["points"] += [["2024-05-02T00:00:00Z", 0], ["2024-05-02T00:05:00Z", None]]
    assert whole.differences(right) == []


def test_a_table_without_key_has_no_current_state(whole: Oracle) -> None:
    """An append-only table has counts and values, but no rows now, states or net sums."""
    clicks = {name for name in whole.names() if name.startswith("clicks_")}
    assert {"clicks_inserts_total", "clicks_duration_ms_p95"} <= clicks
    assert not clicks & {"clicks_rows", "clicks_by_page", "clicks_duration_ms_net_sum"}


def test_one_value_is_compared_too(whole: Oracle) -> None:
    """An answer without a step is held against the value of its whole range."""
    right = _answer(whole, "orders_amount_sum", "p95")
    start, end = (micros(datetime.fromisoformat(right[key])) for key in ("from", "to"))
    value = whole.value("orders_amount_sum", start, end, "p95")[""]
    point = [right["to"], value]
    single = {**right, "step": None, "series": [{"labels": {}, "points": [point]}]}
    assert whole.differences(single) == []
    point[1] *= 1.02
    assert len(whole.differences(single)) == 1
    assert whole.differences(single, tolerance=0.05) == []
