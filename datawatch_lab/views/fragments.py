"""The HTML of a page's parts, made once per snapshot for all viewers; text from data is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from datawatch_lab.service.answers import LedgerAnswer, StatusAnswer, TableAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views import theme
from datawatch_lab.views.clock import local, told, zone_word
from datawatch_lab.views.drawing import KINDS, amount_unit, known_currency
from datawatch_lab.views.format import escape
from datawatch_lab.views.snapshot import EMPTY, Data, Series, Snapshot

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 36
_MOST_STATES = 8
_MOST_TABLES = 50

_BADGES = {
    "live": ("good", "●", "Live"),
    "quiet": ("good", "●", "Live"),
    "silent": ("warn", "▲", ""),
    "history": ("calm", "◷", ""),
    "empty": ("calm", "○", "Empty"),
    "missing": ("calm", "○", "No workspace"),
    "locked": ("warn", "▲", "In use"),
    "lost": ("bad", "✕", "Not reachable"),
}


def page(snapshot: Snapshot) -> dict[str, str]:
    """Every slot of the page by name, as HTML."""
    slots = {"badge": badge(snapshot), "banner": banner(snapshot), "name": escape(snapshot.name)}
    if snapshot.data is None:
        slots["empty"] = empty(snapshot)
        return slots
    data = snapshot.data
    return slots | {
        "empty": "",
        "cards": cards(data),
        "statuses": statuses(data),
        "tables": tables(snapshot.tables, snapshot.now),
        "trust": trust(snapshot.ledger) if snapshot.ledger else "",
        **titles(data),
    }


def badge(snapshot: Snapshot) -> str:
    """State of the workspace: an icon and a word, in the colour of the state."""
    kind, icon, word = _BADGES[snapshot.state]
    return _badge(kind, icon, word or _sentence(snapshot.message))


def _badge(kind: str, icon: str, text: str) -> str:
    return (
        f'<span class="badge {kind}"><span aria-hidden="true">{icon}</span> {escape(text)}</span>'
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def banner(snapshot: Snapshot) -> str:
    """A line across the page for what needs attention; '' for nothing."""
    if snapshot.state == "silent":
        said = _sentence(told(snapshot.message))
        text = f"{said}. The grey part of each chart is time without data."
        return f'<div class="banner warn"><span aria-hidden="true">▲</span> {escape(text)}</div>'
    if snapshot.state == "lost" and snapshot.data is not None:
        at = f"{local(snapshot.now):%H:%M:%S} {zone_word(snapshot.now)}"
        text = f"The numbers below stopped at {at}. {snapshot.message} Trying again."
        return f'<div class="banner bad"><span aria-hidden="true">✕</span> {escape(text)}</div>'
    return ""


def titles(data: Data) -> dict[str, str]:
    """Headings of the charts with what they measure and their unit."""
    spec, table = data.spec, escape(data.spec.table or "")
    step = words.step_name(data.window.bars.total_seconds())
    lines = words.step_name(data.window.line.total_seconds())
    amount = escape(f"{_amount_name(data)} per {step}")
    return {
        "title-created": _title(f"{table} created per minute", f"rows/min, by {escape(lines)}"),
        "title-amount": _title(amount, escape(amount_unit(data))),
        "title-lag": _title(f"Lag of {table}", "event to receipt") + _keys("lag"),
        "title-statuses": _title(f"{table} by {escape(spec.status_field)}", "rows now"),
    }


def _title(text: str, unit: str) -> str:
    return f'<h2>{text}</h2><span class="unit">{unit}</span>'


def _keys(chart: str) -> str:
    """Colour and name of each line of a chart."""
    (kind,) = (each for each in KINDS if each.name == chart)
    return "".join(
        f'<span class="key"><i style="background:{theme.colour(place)}"></i>{label}</span>'
        for place, (_, label) in enumerate(kind.lines)
    )


def _amount_name(data: Data) -> str:
    spec = data.spec
    if spec.amount_field.lower() in ("amount", "total", "revenue") and "order" in (
        spec.table or ""
    ):
        return "Revenue"
    return f"{spec.table} {spec.amount_field}"


def cards(data: Data) -> str:
    """The counter cards: label, value, unit, trend, sparkline."""
    table = data.spec.table or ""
    parts = []
    for name, label, unit in (
        ("created", f"{table} created", "1/min"),
        ("amount", _amount_name(data), data.spec.amount_unit),
        ("events", "Events applied", "1"),
        ("lag", "Lag p95", "s"),
    ):
        if name not in data.figures or (name == "lag" and not data.has_lag):
            continue
        figure = data.figures[name]
        series = data.series.get("lag_p95" if name == "lag" else name, EMPTY)
        currency = known_currency(data) if name == "amount" else ""
        shown = words.value(figure.now, unit, currency=currency)
        trend = words.trend(figure.now, figure.before, data.window.previous)
        parts.append(_card(name, label, shown, trend or _no_trend(data), _note(name, data), series))
    return "".join(parts)


def _no_trend(data: Data) -> str:
    if data.window.previous:
        return f"no full {data.window.previous} before to compare with"
    return "whole range"


def _note(name: str, data: Data) -> str:
    return amount_unit(data) if name == "amount" and data.currency == "mixed" else ""


def _card(name: str, label: str, shown: str, trend: str, note: str, series: Series) -> str:
    extra = f'<div class="note">{escape(note)}</div>' if note else ""
    return (
        f'<section class="card counter" data-card="{name}" aria-label="{escape(label)}">'
        f'<div class="label">{escape(label)}</div>'
        f'<div class="value">{_small_units(shown)}</div>'
        f'<div class="trend">{escape(trend)}</div>{extra}{sparkline(series)}</section>'
    )


def _small_units(shown: str) -> str:
    """A value whose units are set smaller than its numbers."""
    parts = [each.partition(words.NBSP) for each in shown.split(" ")]
    return " ".join(
        f'{escape(number)}{words.NBSP}<span class="small">{escape(unit)}</span>'
        if unit
        else escape(number)
        for number, _, unit in parts
    )


def sparkline(series: Series) -> str:
    """A small line without axes; its numbers are in the chart, so it is hidden from readers."""
    values = series.values[: series.open] if series.open is not None else series.values
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2:
        return ""
    low, high = 0.0, float(values[known].max()) or 1.0
    last = max(1, len(values) - 1)
    points = [
        f"{place / last * _SPARK_WIDTH:.1f},"
        f"{_SPARK_HEIGHT - 2 - (values[place] - low) / (high - low) * (_SPARK_HEIGHT - 4):.1f}"
        for place in known
    ]
    first, end = points[0].partition(",")[0], points[-1].partition(",")[0]
    area = f"M{first},{_SPARK_HEIGHT} L{' L'.join(points)} L{end},{_SPARK_HEIGHT} Z"
    return (
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" aria-hidden="true" '
        f'preserveAspectRatio="none"><path class="area" d="{area}"/>'
        f'<polyline points="{" ".join(points)}"/></svg>'
    )


def statuses(data: Data) -> str:
    """Rows by status as bars with the label and the number beside each."""
    if not data.statuses:
        return '<p class="quiet">No rows yet.</p>'
    rows = list(data.statuses[:_MOST_STATES])
    rest = data.statuses[_MOST_STATES:]
    if rest:
        rows.append((f"{len(rest)} more", sum(value for _, value in rest)))
    total, most = sum(value for _, value in rows), max(value for _, value in rows)
    return '<ul class="bars">' + "".join(_bar(row, total, most) for row in rows) + "</ul>"


def _bar(row: tuple[str, float], total: float, most: float) -> str:
    name, value = row
    width = max(0.5, 100 * value / most) if most > 0 else 0
    share = words.percent(value / total) if total > 0 else ""
    return (
        f'<li><span class="name" title="{escape(name)}">{escape(name) or "(empty)"}</span>'
        f'<span class="track"><span class="fill" style="width:{width:.1f}%"></span></span>'
        f'<span class="num">{words.count(value)}</span><span class="share">{share}</span></li>'
    )


def tables(found: Sequence[TableAnswer], now: datetime) -> str:
    """The tables: name, rows, events, key, last event, state in words."""
    head = "".join(
        f'<th scope="col"{extra}>{text}</th>'
        for text, extra in (
            ("Table", ""),
            ("Rows", ' class="num"'),
            ("Events", ' class="num"'),
            ("Key", ' class="key-of"'),
            ("Last event", ' class="num"'),
            ("State", ""),
        )
    )
    ordered = sorted(found, key=lambda each: (-each.events, each.name))
    body = "".join(_table_row(each, now) for each in ordered[:_MOST_TABLES])
    rest = len(ordered) - _MOST_TABLES
    more = f'<p class="quiet">and {words.count(rest)} more tables</p>' if rest > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _table_row(table: TableAnswer, now: datetime) -> str:
    rows = words.count(table.rows) if table.rows is not None else "append-only"
    kind, icon, word = _BADGES.get(table.status, ("calm", "○", table.status))
    last = words.ago(words.parse_iso(table.last_event), now)
    state = word or _sentence(table.message)
    return (
        f'<tr><th scope="row">{escape(table.name)}</th><td class="num">{rows}</td>'
        f'<td class="num">{words.count(table.events)}</td>'
        f'<td class="key-of">{_key(table)}</td><td class="num">{last}</td>'
        f'<td><span class="state {kind}"><span aria-hidden="true">{icon}</span> '
        f"{escape(state)}</span></td></tr>"
    )


def _key(table: TableAnswer) -> str:
    """Key columns, and who named them when pointed at; that rows are not tracked without one."""
    if not table.key:
        return '<span class="quiet">none: every row is kept</span>'
    source = {"config": "configuration", "inferred": "unique values"}
    named = source.get(table.key_from, table.key_from or "unique values")
    return f'<span title="known from: {escape(named)}">{escape(", ".join(table.key))}</span>'


def trust(ledger: LedgerAnswer) -> str:
    """The ledger as a sum: received = applied + duplicate + late + quarantined."""
    parts = [("applied", ledger.applied), ("duplicate", ledger.duplicate)]
    parts += [("late", ledger.late), ("quarantined", ledger.quarantined)]
    off = ledger.received - sum(count for _, count in parts)
    verdict = _badge("good", "✓", "balanced")
    if off:
        verdict = _badge("bad", "✕", f"off by {words.count(off)}")
    sums = ' <span class="op">+</span> '.join(_term(*part) for part in parts)
    hint = ""
    if ledger.quarantined:
        hint = (
            '<span class="quiet"><code>datawatch quarantine</code> shows what was set aside '
            "and why.</span>"
        )
    return (
        f'<div class="sum">{_term("received", ledger.received)} <span class="op">=</span> {sums}'
        f" {verdict}</div>{hint}"
    )


def _term(name: str, amount: int) -> str:
    return f'<span class="term" data-count="{name}"><b>{words.count(amount)}</b> {name}</span>'


def empty(snapshot: Snapshot) -> str:
    """What to do when there is nothing to show."""
    heads: Mapping[str, str] = {
        "empty": "This workspace has no data yet",
        "missing": "There is no workspace here yet",
        "locked": "Another program has this workspace",
        "lost": "The workspace does not answer",
    }
    head = heads.get(snapshot.state, "Nothing to show yet")
    said = "" if snapshot.state == "empty" else f"<p>{escape(_sentence(snapshot.message))}</p>"
    if snapshot.state in ("locked", "lost"):
        return (
            f'<div class="card hero"><h2>{head}</h2>{said}'
            "<p>This page goes on by itself as soon as it can.</p></div>"
        )
    return _hero(head, said, snapshot.status)


def first_steps(status: StatusAnswer) -> str:
    """How to bring data into a workspace that has none."""
    return _hero("This workspace has no data yet", "", status)


def _hero(head: str, said: str, status: StatusAnswer | None) -> str:
    steps = "".join(
        f'<li><h3>{text}</h3><pre tabindex="0"><code>{escape(command)}</code></pre></li>'
        for text, command in _ways(status)
    )
    return (
        f'<div class="card hero"><h2>{head}</h2>{said}<p>Connect some data; this page fills by '
        f'itself.</p><ol class="ways">{steps}</ol></div>'
    )


def _ways(status: StatusAnswer | None) -> tuple[tuple[str, str], ...]:
    """How to bring data in: what it does, and the command."""
    address = status.address if status else None
    token = Path(status.workspace).name if status else "datawatch.duckdb"
    curl = (
        f"curl -X POST {address or 'http://127.0.0.1:3002'}/api/v1/datawatch/events \\\n"
        f'  -H "Authorization: Bearer $(cat {token}.token)" \\\n'
        '  -d \'{"operation": "INSERT", "table": "orders",\n'
        '       "after": {"id": 1, "amount": "12.50", "status": "paid"}}\''
    )
    return (
        ("See it at work on a simulated shop", "datawatch demo"),
        ("Read a file of change events", "datawatch ingest events.ndjson"),
        ("Send events over HTTP", curl),
    )
