"""A small shop whose rows change: the content of the planted file, in plain Python.

Five tables cover what is hard about real rows: decimals as text, integers beyond 2^53 and 2^64,
decimals of 25 digits, fields that are null or missing, unicode, a column added half-way, no key.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Row = dict[str, Any]

SCHEMAS = {
    "orders": "public",
    "payments": "billing",
    "customers": "public",
    "entries": "public",
    "clicks": "web",
}
"""Table name -> schema name."""

FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "orders": {
        "key": ("id",),
        "numeric": ("amount", "quantity", "discount"),
        "id": ("id", "customer_id"),
        "status": ("status", "channel"),
        "timestamp": ("created_at",),
        "text": ("note", "gift_note"),
    },
    "payments": {
        "key": ("id",),
        "numeric": ("amount", "fee"),
        "id": ("id", "order_id"),
        "status": ("status", "provider"),
        "timestamp": ("paid_at",),
    },
    "customers": {
        "key": ("id",),
        "numeric": ("balance",),
        "id": ("id",),
        "status": ("country", "tier"),
        "boolean": ("is_active",),
        "timestamp": ("created_at",),
        "text": ("email", "name"),
    },
    "entries": {
        "key": ("id",),
        "numeric": ("units", "price"),
        "id": ("id", "account_id"),
        "timestamp": ("booked_at",),
        "json": ("tags",),
    },
    "clicks": {
        "numeric": ("duration_ms",),
        "id": ("session_id",),
        "status": ("page",),
    },
}
"""What each field of a table is for, by kind; a table without ``key`` is append-only."""

_NAMES = ("Ana", "José", "Zoë", "李雷", "Ömer", "Нина", "Siân", "O'Neil", "Łukasz", "🙂 Smile")
_ZONES = (0, 0, 0, 120, -330, 60)
_NUMBER = "#num {} num#"


@dataclass(frozen=True)
class Change:
    """One event before it is put into an envelope; ``at`` is µs since the epoch."""

    table: str
    op: str
    at: int
    before: Row | None = None
    after: Row | None = None
    ddl: str = ""
    txid: str = ""


@dataclass
class Shop:
    """The rows that exist, and how they change; every choice comes from ``rng``."""

    rng: random.Random
    gifts_from: int = 0
    rows: dict[str, dict[Any, Row]] = field(default_factory=lambda: {t: {} for t in SCHEMAS})
    counter: int = 0

    def change(self, at: int) -> Change:
        """The next change of some row: 60 % inserts, 30 % updates, 10 % deletes (less at first)."""
        table = self.rng.choices(tuple(SCHEMAS), (43, 29, 10, 13, 5))[0]
        known = self.rows[table]
        choice = self.rng.random()
        if table == "clicks":
            return self.insert(table, at)
        if table == "entries" or choice < 0.6 or len(known) < 20:
            change = self.insert(table, at)
            assert change.after is not None
            known[change.after["id"]] = change.after
            return change
        key = self._pick(known)
        if choice < 0.9:
            before = known[key]
            known[key] = after = self._moved(table, before)
            return Change(table, "UPDATE", at, before, after, txid=self._txid())
        return Change(table, "DELETE", at, known.pop(key), None, txid=self._txid())

    def insert(self, table: str, at: int) -> Change:
        """An insert of a new row that no later change touches."""
        self.counter += 1
        makers: dict[str, Callable[[int, int], Row]] = {
            "orders": self._order,
            "payments": self._payment,
            "customers": self._customer,
            "entries": self._entry,
            "clicks": self._click,
        }
        return Change(table, "INSERT", at, None, makers[table](self.counter, at), txid=self._txid())

    def _pick(self, known: dict[Any, Row]) -> Any:
        # A recent key: dicts keep order, so walking a few steps from the end stays cheap.
        steps = self.rng.randrange(min(len(known), 50))
        keys = reversed(known)
        for _ in range(steps):
            next(keys)
        return next(keys)

    def _txid(self) -> str:
        return str(700_000 + self.counter)

    def _order(self, number: int, at: int) -> Row:
        rng = self.rng
        row: Row = {
            "id": number,
            "customer_id": rng.randrange(1, 4_000),
            "amount": f"{rng.lognormvariate(3.6, 0.8):.2f}",
            "quantity": rng.randrange(1, 6),
            "status": rng.choices(("pending", "paid", "cancelled"), (80, 15, 5))[0],
            "channel": rng.choice(("web", "app", "store")),
            "created_at": stamp(at, rng),
        }
        if rng.random() < 0.7:
            row["discount"] = None if rng.random() < 0.2 else round(rng.random() * 10, 3)
        if rng.random() < 0.5:
            row["note"] = rng.choice((None, "", "leave at the door", 'say "hi" \\ ok', "käse 🧀"))
        if rng.random() < 0.002:
            row["amount"] = None
        if self.gifts_from and at >= self.gifts_from:
            row["gift_note"] = rng.choice((None, "happy birthday"))
        return row

    def _payment(self, number: int, at: int) -> Row:
        rng = self.rng
        return {
            "id": f"{rng.getrandbits(128):032x}",
            "order_id": rng.randrange(1, number + 1),
            "amount": f"{rng.lognormvariate(3.6, 0.8):.6f}",
            "fee": round(rng.lognormvariate(0, 0.5), 4),
            "status": rng.choices(("captured", "failed", None), (90, 9, 1))[0],
            "provider": rng.choice(("stripe", "adyen", "paypal")),
            "paid_at": stamp(at - rng.randrange(3_000_000), rng),
        }

    def _customer(self, number: int, at: int) -> Row:
        rng = self.rng
        row: Row = {
            "id": number,
            "email": None if rng.random() < 0.05 else f"user{number}@example.com",
            "name": rng.choice(_NAMES),
            "country": rng.choice(("DE", "FR", "US", "JP", "BR")),
            "balance": 9_007_199_254_740_993 + rng.randrange(10**6),  # odd ones are no double
            "is_active": rng.random() < 0.9,
            "created_at": stamp(at, rng),
        }
        if rng.random() < 0.8:
            row["tier"] = rng.choice(("basic", "gold", None))
        return row

    def _entry(self, number: int, at: int) -> Row:
        rng = self.rng
        wide = rng.random() < 0.1
        return {
            "id": 2**63 + number,
            "account_id": 10**17 + rng.randrange(500),
            "units": 2**64 + rng.randrange(10**9) if wide else rng.randrange(10**6),
            "price": _NUMBER.format(f"{rng.randrange(1, 100)}.{rng.randrange(10**24):024d}"),
            "tags": {"batch": number % 7, "labels": ["a", "b"][: rng.randrange(3)]},
            "booked_at": stamp(at, rng),
        }

    def _click(self, _number: int, _at: int) -> Row:
        rng = self.rng
        return {
            "session_id": f"s{rng.randrange(400):06d}",
            "page": rng.choice(("home", "search", "product", "cart")),
            "duration_ms": rng.randrange(5, 20_000),
        }

    def _moved(self, table: str, row: Row) -> Row:
        """The row after an update: another status, and sometimes another amount."""
        rng, after = self.rng, dict(row)
        if table == "orders":
            after["status"] = rng.choice(("paid", "shipped", "delivered", "cancelled"))
            if rng.random() < 0.1:
                after["amount"] = f"{rng.lognormvariate(3.6, 0.8):.2f}"
        elif table == "payments":
            after["status"] = rng.choice(("captured", "refunded"))
        else:
            after["is_active"] = not row["is_active"]
            after["balance"] = row["balance"] + rng.randrange(-1_000, 1_000)
        return after


def stamp(at: int, rng: random.Random) -> str:
    """``at`` (µs) as ISO 8601 to the µs, in one of several offsets, always exactly that moment."""
    minutes = rng.choice(_ZONES)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    text = moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat(
        timespec="microseconds"
    )
    return text.replace("+00:00", "Z") if minutes == 0 else text


def to_json(value: object, *, ascii_only: bool = False) -> str:
    """JSON text; marked strings come out as number literals with all their digits."""
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    return text.replace('"#num ', "").replace(' num#"', "")
