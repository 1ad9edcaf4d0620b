"""query: the JSON that programs rely on, and what people see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import GOOD, Run

RANGE = ["--from", "2026-01-05T12:00:00Z", "--to", "2026-01-05T12:10:00Z"]


def asked(run: Run, *arguments: str) -> dict[str, Any]:
    """The JSON answer."""
    answer: dict[str, Any] = json.loads(run("query", *arguments, "--json").stdout)
    return answer


def test_points_are_as_promised(filled: Run) -> None:
    """With --step: metric, aggregation, from, to, step and series of labels and points."""
    found = asked(filled, "orders_amount_sum", *RANGE, "--step", "1m", "--aggregation", "sum")
    assert {"metric", "aggregation", "from", "to", "step", "series"} <= set(found)
    assert (found["metric"], found["aggregation"]) == ("orders_amount_sum", "sum")
    assert (found["from"], found["to"]) == ("2026-01-05T12:00:00Z", "2026-01-05T12:10:00Z")
    assert found["step"] == "1m"
    (series,) = found["series"]
    assert series["labels"] == {}
    assert series["points"][0] == ["2026-01-05T12:00:00Z", sum(range(6))]
    assert sum(value for _, value in series["points"]) == sum(range(GOOD))


def test_without_a_step_there_is_one_value(filled: Run) -> None:
    """One point a series, over the whole range."""
    found = asked(filled, "orders_amount_sum", *RANGE)
    assert found["step"] is None
    assert found["series"][0]["points"] == [["2026-01-05T12:00:00Z", sum(range(GOOD))]]


def test_by_and_filter(filled: Run) -> None:
    """--by gives one series a value of the label; --filter keeps one."""
    split = asked(filled, "orders_inserts_total", *RANGE, "--by", "status")
    values = {each["labels"]["status"]: each["points"][0][1] for each in split["series"]}
    assert values == {"open": GOOD // 3, "paid": GOOD - GOOD // 3}
    kept = asked(filled, "orders_inserts_total", *RANGE, "--filter", "status=open")
    assert kept["series"][0]["points"][0][1] == GOOD // 3


def test_people_see_a_value_and_its_course(filled: Run) -> None:
    """Without --step the value stands first, its course below as a chart with its times."""
    said = filled("query", "orders_amount_sum", *RANGE).stdout
    assert "1,770" in said
    assert "█" in said
    assert "2026-01-05 12:00:00" in said


def test_people_see_bars_of_labels(filled: Run) -> None:
    """By a label, the largest stands first with the longest bar."""
    lines = filled("query", "orders_inserts_total", *RANGE, "--by", "status").stdout.splitlines()
    paid = next(number for number, line in enumerate(lines) if "status=paid" in line)
    opened = next(number for number, line in enumerate(lines) if "status=open" in line)
    assert paid < opened
    assert lines[paid].count("█") > lines[opened].count("█") > 0


def test_people_see_points_as_a_chart(filled: Run) -> None:
    """With --step: a chart and the last values; by a label, one line a series."""
    said = filled("query", "orders_amount_sum", *RANGE, "--step", "1m").stdout
    assert "2026-01-05 12:09:00" in said
    assert "┤" in said
    split = filled("query", "orders_amount_sum", *RANGE, "--step", "1m", "--by", "country").stdout
    assert "country=DE" in split
    assert "Highest" in split


def test_an_empty_range_says_so(filled: Run) -> None:
    """Where nothing is, that is said, and no chart is drawn."""
    said = filled("query", "orders_amount_avg", "--from", "-1h", "--step", "1m").stdout
    assert "No data in this range." in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["orders_amuont_sum"], 1, "did you mean 'orders_amount_sum'"),
        (["orders_amount_sum", "--from", "whenever"], 2, "is not a time"),
        (["orders_amount_sum", "--step", "often"], 2, "is not a duration"),
        (["orders_amount_sum", "--aggregation", "sun"], 1, "sun"),
        (["orders_amount_sum", "--by", "colour"], 1, "colour"),
        (["orders_amount_sum", "--filter", "status"], 1, "label=value"),
    ],
)
def test_faults_are_named(filled: Run, arguments: list[str], code: int, words: str) -> None:
    """What is unknown or unreadable is named on standard error, with --json too."""
    for form in ([], ["--json"]):
        result = filled("query", *arguments, *form, code=code)
        assert words in result.stderr
        assert result.stdout == ""
