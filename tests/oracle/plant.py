"""Writes a file of change events with known answers: so many good, bad, duplicate, late.

Run ``python -m tests.oracle.plant FILE --events 300000``; the answers go to ``FILE.answers.json``.
Nothing of the package under test is imported.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .plant_faults import FAULTS
from .plant_rows import FIELDS, SCHEMAS, Change, Shop, stamp, to_json

OUTCOMES = ("applied", "duplicate", "late", "quarantined")


def days_ago(days: int) -> datetime:
    """That long before the present hour.

    After a minute a workspace closes by the clock all that lies behind the newest event, minute by
    minute: a test that is not about old files takes one of some days.
    """
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days)


@dataclass(frozen=True)
class Options:
    """What to plant.

    Attributes:
        events: everything received, bad and duplicate ones too.
        seed: same options, same bytes (when ``start`` is given).
        start: event time of the first event; None for two years before the present hour.
        span: event time covered by the file.
        bad, duplicates: shares of ``events``.
        late: share that comes 10 min to 8 h behind its neighbours, within the allowed 24 h.
        too_late: share that is 25 to 48 h behind all that its table had ``settle`` lines before.
        future: share dated 2099.
        without_id: share of events (clicks) that have no id; some repeat an earlier text, and are
            still events of their own.
        delayed: share of the ordinary changes that come 10 min to 8 h after they happened, as late
            updates and deletes do.
        partial: share of updates whose images have the key and what changed, and nothing else.
        bare: share of updates and deletes whose old image is the key alone, or (updates) none.
        batches: share of lines that hold several events, as a batch object or an array.
        blank_lines: empty lines strewn in; they count as lines but nothing is received.
    """

    events: int = 300_000
    seed: int = 1
    start: datetime | None = None
    span: timedelta = timedelta(hours=6)
    bad: float = 0.01
    duplicates: float = 0.02
    late: float = 0.0
    too_late: float = 0.0
    future: float = 0.0
    delayed: float = 0.0
    partial: float = 0.0
    bare: float = 0.0
    without_id: float = 0.003
    batches: float = 0.0
    blank_lines: int = 5

    @property
    def settle(self) -> int:
        """Lines before the first too-late event: more than any reader takes in one batch."""
        return min(60_000, self.events // 5)


@dataclass(frozen=True)
class Item:
    """One planted event: its place among the others, its bytes, and what must become of it."""

    place: float
    raw: bytes
    outcome: str
    table: str
    kind: str = ""
    fixed: str = ""
    single: bool = False


class Planter:
    """Makes the items of one file."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rng = random.Random(options.seed)
        share = options.events
        self.bad = round(share * options.bad)
        self.duplicates = round(share * options.duplicates)
        self.late = round(share * options.late)
        self.too_late = round(share * options.too_late)
        self.future = round(share * options.future)
        extra = self.bad + self.duplicates + self.late + self.too_late + self.future
        self.main = share - extra
        if self.main < 100:
            raise ValueError(f"{share} events leave {self.main} ordinary ones; at least 100 needed")
        start = options.start or _two_years_ago()
        self.start = round(start.timestamp()) * 1_000_000
        self.span = options.span // timedelta(microseconds=1)
        self.shop = Shop(self.rng, gifts_from=self.start + self.span // 2)
        self.numbers: Counter[str] = Counter()

    def items(self) -> list[Item]:
        """Everything, in the order of the file."""
        ordinary = list(self._ordinary())
        pieces = [
            *(self._item(*pair) for pair in ordinary),
            *self._bad_items(),
            *self._duplicates([pair for pair in ordinary if "id" in pair[1]]),
            *self._behind(self.late, "applied", 600, 8 * 3_600, 0),
            *self._behind(self.too_late, "late", 0, 23 * 3_600, self.options.settle),
            *self._future_items(),
        ]
        return sorted(pieces, key=lambda item: item.place)

    def _time(self, place: float) -> int:
        return self.start + int(self.span * place / self.main)

    def _ordinary(self) -> Iterator[tuple[float, dict[str, Any]]]:
        """The shop's changes in order of time, with marks, DDL and events without an id."""
        rng, previous = self.rng, None
        ddl_place = self.main // 2
        for place in range(self.main):
            # Up to 2 s out of order, as sources with several writers are.
            at = self._time(place) - rng.randrange(2_000_000)
            chance = rng.random()
            if place == ddl_place:
                statement = "ALTER TABLE orders ADD COLUMN gift_note TEXT"
                event = self.event(Change("orders", "DDL", at, ddl=statement))
            elif chance < 0.005:
                event = self.event(Change("", rng.choice(("BEGIN", "COMMIT")), at, txid=str(place)))
            elif chance < 0.005 + self.options.without_id:
                event = self._without_id(at, previous)
                previous = event
            else:
                event = self.event(self.shop.change(at))
            yield place + self._wait(), event

    def _wait(self) -> float:
        """How many places later than it happened a change stands."""
        if not self.options.delayed or self.rng.random() >= self.options.delayed:
            return 0.0
        return self.rng.uniform(600, 8 * 3_600) * 1_000_000 / self.span * self.main

    def _thinned(self, change: Change) -> Change:
        """The change as a source that says less would tell it."""
        rng, options = self.rng, self.options
        key = FIELDS[change.table].get("key", ())
        if options.partial and change.op == "UPDATE" and rng.random() < options.partial:
            old, new = change.before or {}, change.after or {}
            kept = {name for name in new if name in key or new[name] != old.get(name)}
            change = replace(
                change,
                before={name: value for name, value in old.items() if name in kept},
                after={name: value for name, value in new.items() if name in kept},
            )
        if options.bare and change.before and rng.random() < options.bare:
            named = {name: value for name, value in change.before.items() if name in key}
            alone = change.op == "DELETE" or rng.random() < 0.5
            change = replace(change, before=named if alone else None)
        return change

    def _without_id(self, at: int, previous: dict[str, Any] | None) -> dict[str, Any]:
        """An insert without an id; one in four says the same as the one before."""
        if previous is not None and self.rng.random() < 0.25:
            return previous
        event = self.event(self.shop.insert("clicks", at))
        return {k: v for k, v in event.items() if k != "id"}

    def event(self, change: Change) -> dict[str, Any]:
        """A change in one of the two envelopes, with optional parts now and then left out."""
        rng = self.rng
        # Each table counts its own ids, so that one id names an event in every table.
        self.numbers[change.table] += 1
        number = self.numbers[change.table]
        event: dict[str, Any] = {"id": f"ev-{self.options.seed}-{number}", "source": "shop"}
        if rng.random() < 0.01:
            event["id"] = 10**9 + number
        if change.table:
            event |= {"schema": SCHEMAS[change.table], "table": change.table}
        event["operation" if rng.random() < 0.6 else "type"] = change.op
        event["timestamp"] = stamp(change.at, rng)
        if change.txid:
            event["transaction_id"] = change.txid
            event["position"] = {"lsn": f"0/{number:X}", "sequence": number % 7}
        if change.ddl:
            event |= {"ddl_type": "ALTER", "ddl_command": change.ddl}
        elif change.table:
            event |= _images(self._thinned(change), rng)
        if rng.random() < 0.5:
            event["metadata"] = {"database": "shop", "server": "db-1"}
        return event

    def _item(self, place: float, event: dict[str, Any]) -> Item:
        raw = to_json(event, ascii_only=self.rng.random() < 0.2).encode()
        return Item(place, raw, "applied", event.get("table", ""), single="id" not in event)

    def _bad_items(self) -> Iterator[Item]:
        kinds = list(FAULTS)
        for number in range(self.bad):
            kind = kinds[number % len(kinds)]
            place = self.rng.uniform(0, self.main)
            table = self.rng.choice(("orders", "payments"))
            event = self.event(self.shop.insert(table, self._time(place)))
            raw = FAULTS[kind](event, self.rng)
            yield Item(place, raw, "quarantined", table, kind, to_json(event), single=True)

    def _duplicates(self, ordinary: Sequence[tuple[float, dict[str, Any]]]) -> Iterator[Item]:
        """Copies placed later: two in three of the same event, one in three in other clothes."""
        for place, event in self.rng.choices(ordinary, k=self.duplicates):
            later = self.rng.uniform(place, max(place, float(self.main)) + 1.0)
            dressed = _redressed(event, self.rng) if self.rng.random() < 1 / 3 else event
            yield replace(self._item(later, dressed), outcome="duplicate", single=True)

    def _behind(
        self, count: int, outcome: str, least: int, most: int, settle: int
    ) -> Iterator[Item]:
        """Inserts that come later than their time by ``least`` to ``most`` seconds.

        Too-late ones count back from 25 h before what stood ``settle`` lines earlier.
        """
        for _ in range(count):
            place = self.rng.uniform(settle, self.main)
            at = self._time(place - settle) - self.rng.randrange(least, most) * 1_000_000
            if outcome == "late":
                at -= 25 * 3_600 * 1_000_000
            table = self.rng.choice(("orders", "payments"))
            item = self._item(place, self.event(self.shop.insert(table, at)))
            yield replace(item, outcome=outcome, kind="behind", single=True)

    def _future_items(self) -> Iterator[Item]:
        ahead = int(datetime(2099, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        for _ in range(self.future):
            item = self._item(
                self.rng.uniform(0, self.main), self.event(self.shop.insert("orders", ahead))
            )
            yield replace(item, outcome="quarantined", kind="future", single=True)


def _two_years_ago() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=730)


def _images(change: Change, rng: random.Random) -> dict[str, Any]:
    """Both images; an absent one is null or left out."""
    images = {"before": change.before, "after": change.after}
    if rng.random() < 0.5:
        return {k: v for k, v in images.items() if v is not None}
    return images


def _redressed(event: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The same event in the other envelope, keys in another order, a numeric id as text."""
    old, new = ("operation", "type") if "operation" in event else ("type", "operation")
    pairs = [(new if key == old else key, value) for key, value in event.items()]
    rng.shuffle(pairs)
    return dict(pairs) | {"id": str(event["id"])}


def _lines(items: Sequence[Item], options: Options) -> Iterator[tuple[bytes, list[Item]]]:
    """The file's lines, each with the items that it holds; blank lines hold none."""
    rng = random.Random(options.seed + 1)
    blanks = set(rng.sample(range(len(items)), min(options.blank_lines, len(items))))
    at = 0
    while at < len(items):
        if at in blanks:
            blanks.discard(at)
            yield rng.choice((b"", b"   ")), []
        group = [items[at]]
        if options.batches and not items[at].single and rng.random() < options.batches:
            stop = at + rng.randrange(2, 20)
            group = _run_of_plain(items[at:stop])
        yield (group[0].raw if len(group) == 1 else _batch(group, rng)), group
        at += len(group)


def _run_of_plain(items: Sequence[Item]) -> list[Item]:
    run = []
    for item in items:
        if item.single:
            break
        run.append(item)
    return run


def _batch(group: Sequence[Item], rng: random.Random) -> bytes:
    joined = b"[" + b",".join(item.raw for item in group) + b"]"
    if rng.random() < 0.5:
        return joined
    return b'{"batch_id":"b%d","batch_size":%d,"events":%s}' % (
        rng.randrange(10**6),
        len(group),
        joined,
    )


def write(path: Path, options: Options | None = None) -> dict[str, Any]:
    """Write the file and its answers; returns the answers.

    Answers: ``received`` and the four outcomes, ``tables`` with the same keys by table (``""`` for
    transaction marks; a bad line counts for the table it was meant for), ``bad`` with line, byte
    offset, kind, table and fixed text of each malformed line, ``not_applied`` with the lines of
    late and future events, ``fields`` and ``start``/``end`` of the ordinary event times.
    """
    options = options or Options()
    planter = Planter(options)
    items = planter.items()
    bad: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    offset = 0
    with path.open("wb") as out:
        for number, (raw, group) in enumerate(_lines(items, options), 1):
            out.write(raw + b"\n")
            for item in group:
                note = {"line": number, "offset": offset, "kind": item.kind, "table": item.table}
                if item.fixed:
                    bad.append({**note, "fixed": item.fixed})
                elif item.outcome in ("late", "quarantined"):
                    aside.append({**note, "outcome": item.outcome})
            offset += len(raw) + 1
    answers = {
        **_counts(items),
        "tables": {t: _counts([i for i in items if i.table == t]) for t in ("", *SCHEMAS)},
        "bad": bad,
        "not_applied": aside,
        "fields": FIELDS,
        "start": planter.start,
        "end": planter.start + planter.span,
    }
    answers_path(path).write_text(json.dumps(answers))
    return answers


def answers_path(path: Path) -> Path:
    """Where the answers of a planted file stand."""
    return path.with_name(path.name + ".answers.json")


def _counts(items: Sequence[Item]) -> dict[str, int]:
    found = Counter(item.outcome for item in items)
    return {"received": len(items)} | {outcome: found[outcome] for outcome in OUTCOMES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=datetime.fromisoformat)
    parser.add_argument("--hours", type=float, default=6.0)
    for name in ("late", "too-late", "future", "delayed", "partial", "bare", "batches"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    given = vars(parser.parse_args())
    path, hours = given.pop("file"), given.pop("hours")
    answers = write(path, Options(span=timedelta(hours=hours), **given))
    print(json.dumps({key: answers[key] for key in ("received", *OUTCOMES)}))


if __name__ == "__main__":
    main()
