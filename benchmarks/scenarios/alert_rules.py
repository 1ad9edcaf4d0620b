"""What it takes to decide ten thousand alert rules for one minute."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from datawatch_lab.core.alerting import AlertRule
    from datawatch_lab.core.clock import ManualClock
    from datawatch_lab.engine import Engine

NAME = "alert_rules"
FULL, QUICK = 10_000, 1_000
TABLES, MINUTES = 20, 5
DAYS, HISTORY = 7, timedelta(hours=2)
_START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def rules_for(count: int) -> list[AlertRule]:
    """Rules of eight kinds over the metrics of the tables; no two alike, few of them fire."""
    from datawatch_lab.core.alerting import AlertRule

    kinds = (
        ("orders_{t}_inserts_total", "> {n}"),
        ("orders_{t}_amount_sum", "over 5m > {n}00"),
        ("orders_{t}_created_rate", "> {n}% of baseline over 5m"),
        ("orders_{t}_amount_sum", "change in 15m > {n}%"),
        ("orders_{t}_inserts_total", "over 5m > {n} and orders_{t}_amount_sum over 5m < 1"),
        ("orders_{t}_created_rate", "outside band over 5m"),
        ("orders_{t}_amount_avg", "over 10m > {n}"),
        ("orders_{t}_inserts_total", "no data for 10m"),
    )
    made = []
    for number in range(count):
        metric, condition = kinds[number % len(kinds)]
        how = {"t": number // len(kinds) % TABLES, "n": 100 + number}
        made.append(
            AlertRule(
                name=f"Rule {number}",
                metric=metric.format(**how),
                condition=condition.format(**how),
                lasting=timedelta(minutes=number % 3),
            )
        )
    return made


def subject(context: Context) -> Sample:
    """Store rules and some hours of events; then decide one closed minute after another."""
    from datawatch_lab.core.alerting import StoredRule
    from datawatch_lab.core.clock import ManualClock
    from datawatch_lab.engine import Engine
    from datawatch_lab.engine.alerting import Alerting
    from datawatch_lab.store.alerting import AlertChange

    count = context.size(FULL, QUICK)
    path = context.folder / "alerts.duckdb"
    clock = ManualClock(_START - DAYS * _DAY)
    engine = Engine.open(path, clock=clock)
    for day in range(DAYS, -1, -1):  # the same hours of each day, for baselines
        clock.set(_START - day * _DAY)
        _post(engine, clock, HISTORY, f"day {day}")
    engine.beside(Alerting).close()  # its thread; the measurement takes its place
    stored = [
        StoredRule(id=f"rule {number}", rule=rule, created=_START, updated=_START)
        for number, rule in enumerate(rules_for(count))
    ]
    engine.store.alerts.put(AlertChange(rules=stored))
    alerting = Alerting(engine)
    with Meter() as first:
        alerting.evaluate_due()
    spent, walls, steps = [], [], 0
    for minute in range(1, MINUTES + 1):
        _post(engine, clock, _MINUTE, f"minute {minute}")
        before, began = time.process_time(), time.perf_counter()
        steps += alerting.evaluate_due()
        spent.append(time.process_time() - before)
        walls.append(time.perf_counter() - began)
    states = [alerting.state_of(each)[0] for each in alerting.rules()]
    alerting.close()
    engine.close()
    if steps < MINUTES or states.count("error"):
        raise RuntimeError(f"{steps} minutes were decided, {states.count('error')} rules failed")
    return Sample(
        {NAME: median(spent)},
        cpu_seconds=sum(spent),
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(path),
        details={
            "rules": count,
            "decided_per_cpu_second": round(count / median(spent)),
            "seconds_by_the_clock": round(median(walls), 3),
            "first_minute_cpu_seconds": round(first.cpu_seconds, 2),
            "states": {name: states.count(name) for name in sorted(set(states))},
        },
    )


def _post(engine: Engine, clock: ManualClock, span: timedelta, name: str) -> None:
    """Events of all tables over a span, two a minute each; the clock ends behind them."""
    from datawatch_lab.ingest.decode import decode

    start, lines = clock.now(), []
    for place in range(span // _MINUTE * 2):
        at = start + place * _MINUTE / 2
        for table in range(TABLES):
            number = f"{name}-{place}-{table}"
            lines.append(
                f'{{"id": "{number}", "type": "INSERT", "table": "orders_{table}", '
                f'"timestamp": "{at.isoformat()}", '
                f'"after": {{"id": "{number}", "amount": {10 + place % 7}}}}}'.encode()
            )
    clock.set(start + span)
    numbers = range(1, len(lines) + 1)
    engine.submit(decode(lines, numbers, numbers, source="shop")).result()


SCENARIO = Scenario(
    name=NAME,
    about="CPU seconds to decide ten thousand alert rules for one minute",
    figures=(Figure(NAME, "s", "lower"),),
    subject=subject,
    scaled=of_size(FULL, QUICK, "rules"),
    runs=3,
)
