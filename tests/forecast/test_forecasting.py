"""Forecasts of a workspace: asked, kept, compared, at every door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner

from datawatch_lab.cli import main
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.forecasts import Told
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting.ahead import HOLDS, ahead
from datawatch_lab.engine.alerting.grid import Ask
from datawatch_lab.engine.forecasting import ForecastRequest, asking
from datawatch_lab.engine.forecasting.asking import Forecast
from datawatch_lab.engine.forecasting.past import Kept
from datawatch_lab.ingest.decode import decode
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.service.operations.forecasts import ForecastAnswer, ForecastAsk, forecast

NOW = datetime(2026, 3, 30, 12, 5, tzinfo=UTC)
METRIC = "servers_cpu_usage_avg"
HOUR = timedelta(hours=1)


def _events(first: datetime, hours: int) -> list[bytes]:
    """A row each half hour; a day's wave of the clock of Berlin, and noise."""
    rng = np.random.default_rng(7)
    found = []
    for half in range(2 * hours):
        at = first + HOUR * half / 2
        level = 50 + 20 * np.sin((at.hour + 2) / 24 * 2 * np.pi) + rng.normal(0, 2)
        row = {"id": half, "cpu_usage": round(float(level), 3), "region": ["eu", "us"][half % 2]}
        event = {
            "id": f"{at:%m%d%H%M}",
            "table": "servers",
            "operation": "INSERT",
            "timestamp": at.isoformat(),
            "after": row,
        }
        found.append(json.dumps(event).encode())
    return found


def _feed(engine: Engine, lines: list[bytes]) -> None:
    numbers = range(1, len(lines) + 1)
    engine.submit(decode(lines, numbers, numbers, source="test")).result()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Ten days of half hours up to now."""
    settings = Settings(timezone="Europe/Berlin", allowed_lateness=timedelta(days=365))
    made = Engine.open(tmp_path / "w.duckdb", settings=settings, clock=ManualClock(NOW))
    _feed(made, _events(NOW.replace(minute=0) - HOUR * 240, 240))
    yield made
    made.close()


def _ask(engine: Engine, **how: object) -> ForecastAnswer:
    return forecast.function(engine, forecast.read({"metric": METRIC, **how}))


def test_a_forecast_goes_on_from_the_last_whole_bucket(engine: Engine) -> None:
    """Steps begin with the hour that is not over, reach the horizon, and are near the truth."""
    found = _ask(engine, horizon="24h")
    (series,) = found.series
    assert (found.step, found.made) == ("1h", "2026-03-30T12:00:00Z")
    assert [series.points[0].at, series.points[-1].at] == [
        "2026-03-30T12:00:00Z",
        "2026-03-31T12:00:00Z",
    ]
    hours = [(12 + each) % 24 for each in range(25)]
    truth = [50 + 20 * np.sin((hour + 2) / 24 * 2 * np.pi) for hour in hours]
    assert np.abs(np.array([p.value for p in series.points]) - truth).mean() < 3
    assert all(p.low <= p.value <= p.high for p in series.points)
    assert series.tested[0].model == series.model
    assert len(series.history) == 25


def test_too_few_points_say_how_many_are_missing(engine: Engine) -> None:
    """Ten days have no twenty days: the answer says how many more are needed, and is no error."""
    (series,) = _ask(engine, horizon="30d").series
    assert (series.state, series.missing, series.points) == ("warming", 10, [])
    assert series.recommendation.startswith("10 more points are needed")


def test_labels_and_filters_split_and_narrow(engine: Engine) -> None:
    """One forecast per value of a label; a filter leaves one of them."""
    both = _ask(engine, horizon="6h", by="region").series
    assert sorted(each.labels["region"] for each in both) == ["eu", "us"]
    one = _ask(engine, horizon="6h", filters="region=eu").series[0]
    eu = next(each for each in both if each.labels["region"] == "eu")
    assert [p.value for p in one.points] == pytest.approx([p.value for p in eu.points])


def test_a_threshold_is_found_and_said(engine: Engine) -> None:
    """The wave of the night passes 60 upwards in the morning; the words and the moment agree."""
    (series,) = _ask(engine, horizon="24h", threshold=60).series
    passed = series.crossing
    assert passed is not None
    assert (passed.threshold, passed.direction, passed.likely) == (60, "up", True)
    first = next(p for p in series.points if p.value > 60)
    assert passed.at == first.at
    assert "will pass 60" in series.recommendation


def test_past_forecasts_stand_beside_what_happened(engine: Engine) -> None:
    """What was said is kept once, and compared when its time is over, after a restart too."""
    first = _ask(engine, horizon="24h", past=100).series[0]
    assert first.past == []
    _ask(engine, horizon="24h")
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    clock.advance(HOUR * 30)
    _feed(engine, _events(NOW.replace(minute=0), 30))
    later = _ask(engine, horizon="24h", past=100).series[0]
    assert [each.lead for each in later.past] == [2, 6, 12, 24, 25]
    said = {point.at: point.value for point in first.points}
    assert [each.value for each in later.past] == [said[each.at] for each in later.past]
    assert all(each.actual is not None for each in later.past)
    assert later.accuracy is not None
    assert later.accuracy.count == 5
    held = [each.low <= (each.actual or 0) <= each.high for each in later.past]
    assert later.accuracy.inside == pytest.approx(np.mean(held))
    off = [abs(each.value - (each.actual or 0)) for each in later.past]
    assert later.accuracy.mae == pytest.approx(np.mean(off))


def test_what_was_asked_is_made_again(engine: Engine) -> None:
    """An hour later a watched question is answered again by itself; a day later no more."""
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    _ask(engine, horizon="24h")
    kept = engine.beside(Kept)
    kept.close()  # so that only this test says when
    kept._ended.clear()
    assert kept.renew() == 0
    clock.advance(HOUR)
    _feed(engine, _events(NOW.replace(minute=0), 1))
    assert kept.renew() == 1
    kept.flush()
    like = Told(
        metric=METRIC, scope="", labels="{}", step=3600, made=NOW, at=NOW, lead=1,
        value=0, low=0, high=0, level=0.8, model="",
    )  # fmt: skip
    made = {each.made for each in engine.store.forecasts.read(like, NOW + HOUR * 99, 100)}
    assert made == {NOW.replace(minute=0), NOW.replace(minute=0) + HOUR}
    clock.advance(timedelta(days=2))
    assert kept.renew() == 0


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"horizon": "10s"}, InputError, "1m to 90d"),
        ({"horizon": "1y"}, InputError, "1m to 90d"),
        ({"level": 1.5}, InputError, "0.5 to 0.99"),
        ({"past": -1}, InputError, "0 to 5,000"),
        ({"model": "holt"}, NotFoundError, "holt_winters"),
        ({"metric": "servers_cpu"}, NotFoundError, "servers_cpu"),
        ({"by": "colour"}, InputError, "colour"),
    ],
)
def test_what_cannot_be_had_is_said(
    engine: Engine, how: dict[str, object], error: type[Exception], words: str
) -> None:
    """A wrong horizon, level, model, metric or label is an error that names what there is."""
    with pytest.raises(error, match=words):
        _ask(engine, **how)


def test_the_ask_has_defaults() -> None:
    """An hour ahead, 80 %, the model chosen."""
    ask = ForecastAsk(metric="x")
    assert (ask.horizon, ask.level, ask.model) == ("1h", 0.8, "auto")


def test_the_command_and_the_notebook_show_the_same(tmp_path: Path) -> None:
    """`datawatch forecast`, its JSON, and ``metric.forecast`` with frame and plot."""
    file, path = tmp_path / "e.ndjson", tmp_path / "w.duckdb"
    first = datetime(2026, 1, 5, tzinfo=UTC)
    file.write_bytes(b"\n".join(_events(first, 120)) + b"\n")
    with open_lab(path) as lab:
        lab.ingest(file, progress=False)
        said = lab.metric(METRIC).forecast("6h", by="region", threshold=60)
        frame = said.df()
        assert list(frame.columns) == ["region", "value", "low", "high"]
        assert len(frame) == sum(len(each.points) for each in said.series)
        assert METRIC in repr(said)
        assert "confidence" in said._repr_html_()
        assert len(said.past()) == 0
        assert len(said.plot()) == 6
    words = CliRunner().invoke(
        main, ["forecast", METRIC, "--horizon", "6h", "--workspace", str(path)]
    )
    assert words.exit_code == 0, words.output
    assert "chosen by back-test" in words.output
    command = ["forecast", METRIC, "--horizon", "6h", "--json", "--workspace", str(path)]
    answer = json.loads(CliRunner().invoke(main, command).stdout)
    assert answer["series"][0]["recommendation"] in words.output.replace("\n", " ")


def test_one_forecast_that_fails_holds_up_no_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a metric that is gone none is made again; what fails is tried again, others are made."""
    kept = engine.beside(Kept)
    kept.close()  # so that only this test says when
    kept._ended.clear()
    gone = ForecastRequest(metric="servers_gone", horizon="6h")
    broken = ForecastRequest(metric=METRIC, horizon="5h")
    good = ForecastRequest(metric=METRIC, horizon="6h")
    whole = asking.ask

    def ask(of: Engine, request: ForecastRequest, *, keep: bool) -> Forecast:
        if request == broken:
            raise ZeroDivisionError
        return whole(of, request, keep=keep)

    monkeypatch.setattr(asking, "ask", ask)
    monkeypatch.setattr(kept, "_due", lambda _: [gone, broken, good])
    with kept._lock:
        kept._watched |= dict.fromkeys((gone, broken, good), (NOW, NOW))
    assert kept.renew() == 1
    assert [*kept._watched] == [broken, good]
    assert {each.metric for each in kept._waiting} == {METRIC}
    assert "could not be made again" in caplog.text


def test_a_rule_is_told_what_cannot_be_predicted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More series than are forecast at a time: refused, with what helps, instead of left out."""
    wanted = Ask(METRIC, "", (), ("region",))
    assert len(ahead(engine, wanted, 6 * HOUR, NOW)) == 2
    monkeypatch.setattr(asking, "MOST_SERIES", 1)
    assert len(ahead(engine, wanted, 6 * HOUR, NOW)) == 2, "gone by for some minutes"
    cast("ManualClock", engine.clock).advance(HOLDS)
    with pytest.raises(InputError, match="by region has 2 series, 1 can be predicted") as refused:
        ahead(engine, wanted, 6 * HOUR, NOW)
    assert "Filter them" in str(refused.value.hint)
    narrow = Ask(METRIC, "", (("region", "eu"),), ("region",))
    assert [*ahead(engine, narrow, 6 * HOUR, NOW)] == [(("region", "eu"),)]
