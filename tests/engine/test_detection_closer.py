"""Series that are looked at more closely: which, by trees that decide, by models that comment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from datawatch_lab.anomaly import opinions
from datawatch_lab.anomaly.opinions import FORECAST, TREES, Opinions
from datawatch_lab.core.alerting import AlertRule
from datawatch_lab.core.anomalies import AnomalySettings, DetectorSetting
from datawatch_lab.core.dashboards.document import Dashboard, Tile, TileQuery
from datawatch_lab.core.seal import key_path
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.engine.detection import Detection, roster, teaching
from datawatch_lab.engine.detection.choosing import choose
from datawatch_lab.engine.detection.models import Budget, Model, Models
from datawatch_lab.engine.detection.preview import history_of
from datawatch_lab.engine.detection.slots import Slot
from tests.engine.test_detection import MINUTES, SPIKE, START, Shop, _of, counts

AMOUNT = ("orders_amount_avg", ())


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detection, "_wake", lambda _: None)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A workspace with two hours of orders, looked at."""
    made = Shop(tmp_path / "shop.duckdb")
    made.feed(counts(120, {}))
    made.found()
    yield made
    made.engine.close()


def _roster(shop: Shop) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    with shop.detection.with_detectors() as detectors:
        return [each.key for each in roster.roster(detectors)]


def test_what_people_look_at_comes_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuned, chosen, in a rule, on a board, then the busiest; also by another name of the same."""
    monkeypatch.setattr(roster, "BUSIEST", 5)
    busiest = _roster(shop)
    assert len(busiest) == 5
    assert busiest[0] == ("orders_total", ())
    tile = Tile(kind="line", query=TileQuery(metric="orders_lag_seconds"))
    shop.engine.beside(Dashboards).add(Dashboard(name="Shop", tiles=(tile,)))
    rule = AlertRule(name="r", metric="orders_created_rate", condition="> 1000")
    shop.engine.beside(Alerting).put(rule)
    setting = DetectorSetting(
        metric=AMOUNT[0], sensitivity="low", at=shop.clock.now(), algorithms=None
    )
    choose(shop.detection, setting)
    history_of(shop.engine, "orders_inserts_total", {"city": "ulm"})
    found = _roster(shop)
    assert found[:4] == [
        ("orders_inserts_total", (("city", "ulm"),)),
        AMOUNT,
        ("orders_total", ()),
        ("orders_lag_seconds", ()),
    ]
    assert len(found) == 5


def test_trees_have_a_say_where_ml_has(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taught by the past, survive a restart, and go where ``ml`` is taken off."""
    monkeypatch.setattr(teaching, "ROWS", 100)
    shop.detection.checkpoint()
    with shop.detection.with_detectors() as detectors:
        joints = detectors.bank.joints
        assert len(joints) == len(detectors.watched)
        known = joints["known"].copy()
        assert known.max() == 50
    shop.restart()
    with shop.detection.with_detectors() as detectors:
        assert detectors.bank.joints["known"].tolist() == known.tolist()
        place = detectors.places["orders_total", ()]
    shop.feed(counts(125, {})[120:], first=120)
    shop.found()
    setting = DetectorSetting(
        metric="orders_total",
        sensitivity="low",
        at=shop.clock.now(),
        algorithms=("statistical", "seasonal"),
    )
    choose(shop.detection, setting)
    shop.detection.checkpoint()
    with shop.detection.with_detectors() as detectors:
        assert place not in detectors.bank.joints.series
        assert len(detectors.bank.joints) == len(detectors.watched) - 1
    shop.detection.configure(AnomalySettings(algorithms=("statistical",)))
    shop.detection.checkpoint()
    shop.feed(counts(130, {})[125:], first=125)
    shop.found()
    shop.detection.checkpoint()
    with shop.detection.with_detectors() as detectors:
        assert len(detectors.bank.joints) == 0
    assert shop.detection.models.counts.wanted == 0


def test_the_verdict_of_models_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models made of the past name themselves on what they find strange too, and are counted."""
    monkeypatch.setattr(opinions, "KNOWN", 20)
    shop.detection.models._budget = Budget(burst=1e9)
    shop.detection.checkpoint()
    shop.feed(counts(121, {})[120:], first=120)
    shop.found()
    counted = shop.detection.models.counts
    assert counted.ready == counted.wanted == shop.detection.watched
    shop.feed(counts(MINUTES, SPIKE)[121:], first=121)
    (spike,) = _of(shop.found(), "orders_total")
    assert FORECAST in spike.algorithms
    assert len(set(spike.algorithms)) == len(spike.algorithms)
    assert shop.detection.models.counts.steps > 100
    assert shop.detection.models.counts.skipped == 0
    assert FORECAST in shop.detection.models.verdict(("orders_total", ()))[0]
    assert shop.detection.models.verdict(("no_such", ())) == ((), ())


@pytest.mark.parametrize("harm", ["", "a byte", "the key"])
def test_models_are_stored_sealed(shop: Shop, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    """They go on where they were; where the seal does not fit they are made of the past anew."""
    shop.detection.models._budget = Budget(burst=1e9)
    shop.detection.checkpoint()
    shop.detection.catch_up()
    assert shop.detection.models.counts.ready > 0
    shop.restart()
    states = shop.engine.store.anomalies.models()
    assert states
    if harm == "a byte":
        spoilt = {id_: each[:-1] + bytes([each[-1] ^ 1]) for id_, each in states.items()}
        shop.engine.store.anomalies.keep_models(spoilt)
    elif harm == "the key":
        key_path(shop.engine.path).unlink()
    loaded: list[object] = []
    plain = Models._restored

    def watching(self: Models, *given: object) -> Model | None:
        loaded.append(plain(self, *given))  # type: ignore[arg-type]  # handed on
        return loaded[-1]  # type: ignore[return-value]  # the line above

    monkeypatch.setattr(Models, "_restored", watching)
    shop.detection.models._budget = Budget(burst=1e9)
    shop.feed(counts(122, {})[120:], first=120)
    shop.found()
    shop.detection.checkpoint()
    shop.detection.catch_up()
    assert shop.detection.models.counts.ready == shop.detection.models.counts.wanted
    assert {each is None for each in loaded} == {bool(harm)}


class Panic(BaseException):
    """As River's parts in Rust fail: no `Exception`."""


class Spoilt:
    """Opinions whose stored state does not fit, and that fail at a value."""

    ready = ()

    def __setstate__(self, state: object) -> None:
        """As pyo3 refuses the bytes of another release."""
        raise Panic(state)

    def __getstate__(self) -> str:
        """Something to refuse."""
        return "bytes"

    def step(self, _: float, __: object) -> tuple[str, ...]:
        """Fail."""
        raise Panic


def _looked_at(shop: Shop, minutes: int) -> int:
    """Look at some minutes more with budget enough; gives how many series have a model then."""
    shop.detection.models._budget = Budget(burst=1e9)
    shop.feed(counts(minutes, {})[minutes - 2 :], first=minutes - 2)
    shop.found()
    shop.detection.checkpoint()
    shop.detection.catch_up()
    return shop.detection.models.counts.ready


def test_a_model_that_fails_ends_no_detection(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those whose state does not load, or that fail at a value, are made anew, they alone."""
    ready = _looked_at(shop, 122)
    key = next(iter(shop.detection.models._kept.models))
    models = shop.detection.models._kept.models
    models[key].opinions = Spoilt()  # type: ignore[assignment]
    shop.detection.models.store()
    monkeypatch.setattr(Models, "store", lambda _: None)  # what is stored is as it was then
    assert _looked_at(shop, 124) == ready
    assert "failed and is dropped: Panic()" in caplog.text
    assert shop.detection.models.counts.failed == 1
    assert key in shop.detection.models._kept.models
    shop.restart()
    assert _looked_at(shop, 126) == ready
    assert "cannot be read, and is made anew: Panic('bytes')" in caplog.text
    assert shop.detection.problem == ""


def test_a_model_that_always_fails_is_not_made_for_ever(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried twice; the others have theirs."""
    ready = _looked_at(shop, 122)
    models = shop.detection.models
    key = next(iter(models._kept.models))
    made: list[object] = []
    give = Models._give

    def spoilt(self: Models, model: Model, slot: Slot, end: datetime) -> bool:
        if slot.key == key:
            model.opinions = Spoilt()  # type: ignore[assignment]
            made.append(model)
        return give(self, model, slot, end)

    monkeypatch.setattr(Models, "_give", spoilt)
    models._kept.models[key].opinions = Spoilt()  # type: ignore[assignment]
    for minutes in (124, 126, 128):
        assert _looked_at(shop, minutes) == ready - 1
    assert len(made) == 1
    assert models.verdict(key) == ((), ())


@pytest.mark.parametrize("other", ["ours", "River's"])
def test_models_of_another_release_are_made_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Their seal is of the releases: a state that loads could still mean something else."""
    assert _looked_at(shop, 122)
    shop.restart()
    models = shop.detection.models
    if other == "ours":
        shop.engine.release = "0.0.0"
    else:
        monkeypatch.setattr("datawatch_lab.engine.detection.models.version", lambda _: "0.0.0")
    loaded: list[object] = []
    monkeypatch.setattr("datawatch_lab.engine.detection.models.pickle.loads", loaded.append)
    assert _looked_at(shop, 124) == models.counts.wanted
    assert loaded == []


def _slot(name: str) -> Slot:
    return Slot(
        metric=name,
        labels=(),
        table="t",
        table_id=1,
        unit="",
        fold="n",
        members=(1,),
        counted=True,
        since=0.0,
        spread=False,
    )


def test_what_the_budget_does_not_allow_is_left_out_and_counted(shop: Shop) -> None:
    """Models get no more than their share of the time; what matters most is looked at first."""
    wall, spent = [0.0], [0.0]
    budget = Budget(0.1, 0.5, lambda: wall[0], lambda: spent[0])
    models = Models(shop.engine, budget)
    slots = [_slot(str(each)) for each in range(10)]

    class Costly(Opinions):
        def step(self, x: float, t: object) -> tuple[str, ...]:
            del x, t
            spent[0] += 0.1
            return (TREES,)

    models.look_at(slots, [60] * 10)
    models._kept.models = {each.key: Model(Costly(), 60, 0) for each in slots}
    minutes = 20
    for minute in range(1, minutes + 1):
        wall[0] += 3.0
        models.step(models.rows(slots), np.ones(10), 60 * minute)
    assert spent[0] <= 0.1 * wall[0] + 0.5 + 0.1 * minutes
    counted = models.counts
    assert counted.steps + counted.skipped == 10 * minutes
    assert counted.skipped > counted.steps > minutes
    assert models.said(slots[0].key, 60 * minutes) == (TREES,)
    assert models.said(slots[9].key, 60 * minutes) == ()


def test_opinions_find_what_is_planted_and_little_else() -> None:
    """Two models find a jump and a spike; on quiet rows each speaks about once in a hundred."""
    rng = np.random.default_rng(4)
    one, loud, quiet = Opinions(), set[str](), 0
    assert one.ready == ()
    for row in range(1_500):
        x = 100.0 + rng.normal(0, 5) + (60.0 if row in (1_200, 1_201, 1_202) else 0.0)
        said = one.step(x, START + row * timedelta(minutes=1))
        if 1_200 <= row <= 1_202:
            loud |= set(said)
        elif row > 600:
            quiet += TREES in said or FORECAST in said
    assert {TREES, FORECAST} <= loud
    assert quiet < 900 * 0.05
    assert one.step(float("nan"), START) == ()
