"""The rules that the demo shop begins with: those of the specification, quiet until due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from datawatch_lab.cli.demo_rooms import ALERTS, PAYMENTS, Furnishing, weekly
from datawatch_lab.core.alerting_forms import read_rule
from datawatch_lab.core.config import load_config
from datawatch_lab.core.config.alerts import rules_of
from datawatch_lab.ingest.sources.demo_truth import Incident
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from tests.alerts.bench import MINUTE, NOW, Bench
from tests.alerts.test_demo import HOUR, KNOWN, SPEC, Shop

LASTING = 10
LIMIT = 90.0
AS_IT_IS = {"orders_per_minute": 8.0, "bad_share": 0.002, "duplicate_share": 0.002}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own."""
    made = Bench(tmp_path / "w.duckdb")
    yield made
    made.close()


def test_the_demo_carries_the_rules_of_the_specification(tmp_path: Path) -> None:
    """All three, word for word, channels too."""
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, "utf-8")
    said = rules_of(load_config(path, {}).alert_rules)
    assert tuple(read_rule(each) for each in ALERTS) == said


def furnished(bench: Bench, monkeypatch: pytest.MonkeyPatch, *, whole: bool) -> None:
    """The workspace with what the demo adds to it, opened anew; unless whole, rules on payments."""
    handle = Workspace(LocalCaller(bench.engine))
    if not whole:
        suggested = handle.quality_suggestions("payments")
        monkeypatch.setattr(handle, "quality_suggestions", lambda: suggested)
    Furnishing(handle).run()
    bench.restart()


def score(bench: Bench, end: datetime) -> float:
    """The score of payments over five minutes, from the counts that rules keep."""
    weights = {each.id: each.rule for each in bench.engine.quality.rules}
    counts = bench.engine.quality.store.counts(end - 5 * MINUTE, end, None)
    shares = [
        (weights[rule].weight, 100 * (1 - failed / rows))
        for rule, _, rows, failed in counts.iter_rows()
        if weights[rule].table == "payments" and rows
    ]
    return sum(w * each for w, each in shares) / sum(w for w, _ in shares) if shares else 100.0


LONG = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("known", "clean", "declined"),
    [(20 * MINUTE, 3 * MINUTE, 0.7), pytest.param(KNOWN, HOUR, 0.45, marks=LONG)],
)
def test_bad_payments_are_told_when_their_time_is_over(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    known: timedelta,
    clean: timedelta,
    declined: float,
) -> None:
    """As planted ordinarily nobody is paged; declined payments are, in the minute they are due."""
    start = NOW + clean
    incident = Incident(
        id="x",
        kind="payment_failures",
        table="payments",
        metric="payments_by_status",
        start=start,
        end=start + 20 * MINUTE,
        magnitude=declined,
        description="",
    )
    shop = Shop(bench, known, **{**AS_IT_IS, "incidents": (incident,)})
    furnished(bench, monkeypatch, whole=known > HOUR)
    origins = [each.origin for each in bench.engine.quality.rules if each.rule.table == "payments"]
    assert sorted(set(origins)) == ["suggested", "user"]
    shop.go(clean)
    assert shop.alerts() == []
    due = None
    while due is None and bench.clock.now() < incident.end:
        shop.go(MINUTE)
        end = bench.clock.now().replace(second=0) - MINUTE
        if all(score(bench, end - n * MINUTE) < LIMIT for n in range(LASTING + 1)):
            due = end
    assert due is not None
    shop.go(MINUTE)
    (alert,) = shop.alerts()
    assert (alert.rule, alert.fired) == ("Data Quality Issue", due)
    assert shop.seen[alert.id] <= due + 2 * MINUTE
    assert alert.value is not None
    assert alert.value < LIMIT
    assert f"payments.status {PAYMENTS['rule']}" in {
        each.rule.title for each in bench.engine.quality.rules
    }


def test_the_weekly_report_is_filed_beside_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs the notebook that is there; without one there is no report."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "07_weekly_report.ipynb").touch()
    (report,) = weekly(Path("shop.duckdb"))
    assert report.notebook == str(folder / "07_weekly_report.ipynb")
    assert report.out == str(tmp_path / "shop-reports")
    assert report.times.after(NOW, "UTC") == datetime(2026, 3, 2, 8, tzinfo=NOW.tzinfo)
