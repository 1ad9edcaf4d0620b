"""Editors: what they would have done, what they keep, and how they show themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datawatch_lab.core.anomalies import ALGORITHMS
from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.editing.alert import AlertEditor
from datawatch_lab.notebook.editing.course import Course, Dot, Mark
from datawatch_lab.notebook.editing.detector import DetectorEditor
from datawatch_lab.notebook.editing.quality import QualityEditor, passing
from datawatch_lab.notebook.editing.still import picture
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.objects import open as open_lab
from tests.notebook.conftest import HOSTILE, event

_HOURS = 6


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Six hours up to now: an order a minute, ten in the fourth hour; some are negative."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=_HOURS)
    events, number = [], 0
    for minute in range(60 * _HOURS - 2):
        for second in range(10 if 180 <= minute < 240 else 1):
            at = start + timedelta(minutes=minute, seconds=5 * second)
            row = {
                "id": number,
                "amount": -5.0 if number % 50 == 0 else 20.0,
                "email": f"a{number}@example.com",
                "status": HOSTILE if number % 7 else "paid",
            }
            events.append(event(number, "orders", row, at))
            number += 1
    with open_lab(tmp_path_factory.mktemp("editing") / "w.duckdb") as lab:
        lab.post(events)
        yield lab


def _alert(shop: Lab, **keys: Any) -> AlertEditor:
    return shop.alerts().edit(
        "Rush", metric="orders_inserts_total", last="6h", **{"condition": "> 100", **keys}
    )


def _quality(shop: Lab) -> QualityEditor:
    return shop.quality.edit({"table": "orders", "rule": "positive", "field": "amount"}, last="6h")


def test_an_alert_says_what_it_would_have_done(shop: Lab) -> None:
    """The rush fires once; above all it never does, and the picture has the same course."""
    editor = _alert(shop)
    assert len(editor.answer.episodes) == len(editor.marks) == 1
    assert "fired once" in editor.verdict
    assert np.nanmax(editor.course.values) == pytest.approx(600, abs=15)
    assert "not have fired" in editor.change(threshold=5_000).verdict
    assert editor.condition == "> 5000"


def test_the_course_is_what_the_rule_compares(shop: Lab) -> None:
    """Where the course is above the threshold, the rule fires, and nowhere else."""
    editor = _alert(shop)
    fires = np.zeros(editor.course.times.size, dtype=bool)
    for each in editor.marks:
        ends = editor.course.times + 60_000  # of the buckets, which is when the rule is decided
        fires |= (ends >= each.start) & (ends < each.end)
    assert ((editor.course.values > 100) == fires).mean() > 0.98


def test_dragging_moves_the_rule(shop: Lab) -> None:
    """A threshold that the browser sends runs the back-test; controls and code follow."""
    editor = _alert(shop)
    assert editor.widget is editor.widget
    chart, controls = editor._chart, editor._controls_made
    assert chart is not None
    chart.threshold = 40.0
    assert editor.condition == "> 40"
    assert controls["condition"].value == "> 40"
    assert "'> 40'" in editor._actions.code  # type: ignore[union-attr]
    controls["for"].value = "15m"
    assert editor.rule["for"] == "15m"
    controls["condition"].value = "> 5000"
    assert chart.threshold == 5000
    assert chart.marks == []


def test_a_wrong_condition_is_said_and_changes_nothing(shop: Lab) -> None:
    """By hand it is a sentence below the buttons, in Python an error; the rule is as before."""
    editor = _alert(shop)
    assert editor.widget
    editor._controls_made["condition"].value = "> 5 bananas"
    assert "bananas" in editor._actions.said  # type: ignore[union-attr]
    assert editor.condition == "> 100"
    with pytest.raises(InputError, match="bassline"):
        editor.change(condition="> 5% of bassline")
    assert editor.condition == "> 100"


def test_code_makes_the_same_rule(shop: Lab) -> None:
    """What is copied runs, and makes the rule that `save` would."""
    editor = _alert(shop, severity="critical", lasting="5m")
    exec(editor.code, {"lab": shop})  # noqa: S102 — that it runs is the point
    made = shop.alerts().rule("Rush")
    try:
        again = made.edit("6h")
        assert again.id == made.raw.id
        assert {**again.rule} == {**editor.rule}
        again.change(threshold=250).save()
        assert shop.alerts().rule("Rush").raw.rule["condition"] == "> 250"
        assert len(shop.alerts().rules) == 1
        changed = shop.alerts().rule("Rush").change(lasting="1m")
        assert changed.raw.rule["for"] == "1m"
        assert changed.raw.rule["condition"] == "> 250"
        assert "above 250" in repr(changed)
        assert "above 250" in changed._repr_html_()
    finally:
        shop.alerts().rule("Rush").drop()


def test_a_percentage_of_a_baseline_has_a_slider(shop: Lab) -> None:
    """What is relative has no level in the picture; its percentage is moved beside it."""
    editor = _alert(shop, condition="> 200% of previous_hour")
    assert editor.threshold is None
    assert editor.widget
    editor._controls_made["share"].value = 300
    assert editor.condition == "> 300% of previous_hour"


def test_a_quality_rule_shows_what_fails(shop: Lab) -> None:
    """Pass rate, failing rows, and the share that must pass, which asks nothing again."""
    editor = _quality(shop)
    rows, failed = editor.answer.rows, editor.answer.failed
    assert failed == pytest.approx(rows / 50, abs=2)
    assert f"of {rows:,} rows pass" in editor.verdict
    before = editor.answer
    assert editor.change(threshold="90%").answer is before
    assert editor.threshold == 0.9
    assert editor.change(rule="not_null").answer.failed == 0


def test_values_by_hand(shop: Lab) -> None:
    """Lists and bounds that are typed are taken as the rule has them."""
    editor = shop.quality.edit(
        {"table": "orders", "rule": "in_range", "field": "amount", "min": 0, "max": 30}, last="6h"
    )
    assert editor.widget
    editor._made["max"].value = "10"
    assert editor.rule.max == 10
    editor._made["max"].value = "a lot"
    assert editor.rule.max == 10
    assert editor._actions.said  # type: ignore[union-attr]


def test_a_quality_rule_is_kept_and_changed(shop: Lab) -> None:
    """Saved twice it is one rule, with what was set last; its code makes it again."""
    editor = _quality(shop)
    editor.change(threshold="97%").save()
    editor.change(severity="critical").save()
    rules = shop.quality.rules("orders")
    assert [(each.raw.definition["severity"], each.raw.severity) for each in rules] == [
        ("critical", "critical")
    ]
    assert rules[0].edit().rule == editor.rule
    rules[0].drop()
    exec(editor.code, {"lab": shop})  # noqa: S102 — that it runs is the point
    assert shop.quality.rules("orders")[0].edit("6h").rule == editor.rule
    shop.quality.rules("orders")[0].drop()


def test_tiles(shop: Lab) -> None:
    """A tile goes to the board of that name, which is made once."""
    first, second = _alert(shop).put("Mine"), _quality(shop).put("Mine")
    assert [each.kind for each in second.tiles] == ["line", "quality"]
    assert first.value.id == second.value.id
    second.drop()


def _detector(shop: Lab) -> DetectorEditor:
    return shop.metric("orders_inserts_total").tune(days=1)


@pytest.mark.parametrize("make", [_alert, _quality, _detector])
def test_the_still_picture(shop: Lab, make: Any) -> None:
    """Without a script there is the course, the sentence and the code; nothing is unescaped."""
    editor = make(shop)
    html, text = editor._repr_html_(), repr(editor)
    assert "<svg" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "@example.com" not in html
    assert editor.verdict in text
    assert len(html) < 60_000


def test_widgets_bring_their_own_scripts() -> None:
    """The scripts ask for nothing: no import, no address, no HTML from data."""
    assets = Path(__file__).parents[2] / "datawatch_lab" / "notebook" / "editing" / "assets"
    for script in assets.glob("*.js"):
        text = script.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        for word in ("http", "import ", "innerHTML", "eval(", "fetch("):
            assert word not in text, f"{script.name}: {word}"


def test_a_detector_is_moved_without_reading_again(shop: Lab) -> None:
    """The slider asks for what is flagged, and keeps the course; more sensitive flags no less."""
    editor = shop.metric("orders_inserts_total").tune("low", days=1)
    assert editor.answer.known > 300
    assert "At low sensitivity" in editor.verdict
    assert editor.widget
    course, flagged = editor.course, [editor.setting.flagged]
    for value in (0.3, 0.6, 0.99):
        editor._made["number"].value = value
        assert editor.sensitivity == value
        assert editor._made["name"].value is None
        flagged.append(editor.setting.flagged)
    assert editor.course is course
    assert 0 < flagged[-1] >= flagged[0]
    assert len(editor.marks) == len(editor.dots) == len(editor.setting.episodes)
    drawn = dict(zip(course.times.tolist(), course.values.tolist(), strict=True))
    assert all(drawn[each.at] == each.value for each in editor.dots)
    assert (np.diff(course.times) > 0).all()
    editor._made["name"].value = "high"
    assert editor.sensitivity == "high"


def test_a_slider_may_stand_where_the_days_do(shop: Lab) -> None:
    """A sensitivity that is the number of days is set as any other, and is what is saved."""
    editor = shop.metric("orders_inserts_total").tune(0.4, days=1)
    assert editor.widget
    editor._made["number"].value = 1.0
    assert editor.sensitivity == 1.0
    editor.change(sensitivity=3.0)  # beyond the slider's end, which is no change by hand
    assert (editor.sensitivity, editor._made["number"].value) == (3.0, 1.0)


def test_algorithms_are_chosen_previewed_and_saved(shop: Lab) -> None:
    """Which have a say can be ticked; the preview, the code and what is saved follow."""
    editor = shop.metric("orders_inserts_total").tune(0.9, days=1)
    assert editor.widget
    used = tuple(shop.workspace.detectors().algorithms)
    assert [each for each in ALGORITHMS if editor._made[each].value] == list(used)
    before = [each.score for each in editor.answer.points]
    for each in ALGORITHMS:
        editor._made[each].value = each == "statistical"
    assert editor.algorithms == ("statistical",)
    assert [each.score for each in editor.answer.points] != before
    editor._made["statistical"].value = False
    assert editor._actions is not None
    assert "algorithms" in editor._actions.said
    assert editor.algorithms == ("statistical",)
    assert editor._made["statistical"].value
    assert "algorithms=['statistical']" in editor.code
    again = eval(editor.code, {"lab": shop})  # noqa: S307 — that it runs is the point
    assert again.algorithms == editor.algorithms
    assert again.verdict == editor.verdict
    assert editor.save().algorithms == ["statistical"]
    detector = shop.detector("orders_inserts_total")
    assert detector.edit(days=1).algorithms == ("statistical",)
    assert detector.reset() is not None
    with pytest.raises(InputError, match="algorithms"):
        editor.change(algorithms=["magic"])


def test_a_threshold_keeps_its_digits(shop: Lab) -> None:
    """What is typed is set as it is; what is dragged to is rounded to four digits."""
    editor = shop.alerts().edit("much", metric="orders_inserts_total", condition="> 5")
    editor.change(threshold=12345)
    assert editor.condition == "> 12345"
    editor._drag(12345.678)
    assert editor.condition == "> 12350"


def test_a_detector_compares_and_is_saved(shop: Lab) -> None:
    """Several settings at once; what is saved is in force, and can be taken back; the code runs."""
    editor = shop.metric("orders_inserts_total").tune(0.4, days=1)
    assert list(editor.compare().index) == ["low", "medium", "high"]
    assert (editor.compare("low", 0.9)["threshold"].diff().dropna() < 0).all()
    assert "metric, low" in editor.missed("-3h", "-2h").index
    assert editor.tile().options == {"band": True}
    assert editor.save().sensitivity == 0.4
    detector = shop.detector("orders_inserts_total")
    assert detector.saved is not None
    assert detector.edit(days=1).sensitivity == 0.4
    assert detector.reset() is not None
    assert detector.reset() is None
    with pytest.raises(InputError, match="sensitivity"):
        editor.change(sensitivity="extreme")
    assert editor.sensitivity == 0.4
    again = eval(editor.code, {"lab": shop})  # noqa: S307 — that it runs is the point
    assert again.verdict == editor.verdict


def test_a_picture_of_nothing() -> None:
    """Without data a sentence stands in the picture."""
    assert "no data in this range" in picture(Course(), "nothing")


def test_a_picture_of_much() -> None:
    """A long course is thinned out, its extremes stay, and gaps stay gaps."""
    values = np.sin(np.arange(50_000.0))
    values[25_000] = 99.0
    values[10_000:20_000] = np.nan
    course = Course(np.arange(50_000.0) * 60_000, values)
    drawn = picture(
        course,
        HOSTILE,
        threshold=50.0,
        marks=[Mark(0, 60_000, "bad", HOSTILE)],
        dots=[Dot(60_000, 1.0, "low", HOSTILE)],
        lane="fires",
    )
    assert len(drawn) < 40_000
    assert HOSTILE not in drawn
    assert drawn.count("M") >= 2


def test_pass_rates_add_up() -> None:
    """Buckets hold the share of all their rows; where none came there is no share."""
    points = [(f"2026-01-01T00:{minute:02d}:00Z", 10, minute % 2) for minute in range(10)]
    course = passing([*points, ("2026-01-05T00:00:00Z", 4, 4)])
    assert course.values[0] == pytest.approx(0.95)
    assert course.values[-1] == 0
    assert np.isnan(course.values[1:-1]).all()
    assert passing([]).values.size == 0
