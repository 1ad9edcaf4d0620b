"""What happens in the demo shop, as numbers: one polars row an event, planned block by block.

A block is a stretch of time in which orders begin; their later life (payment, shipping, refund)
may lie days ahead. A block depends only on the seed, the epoch and its number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from datawatch_lab.ingest.sources.demo_season import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Season,
    mix,
    moment,
    uniform,
)
from datawatch_lab.ingest.sources.demo_truth import SchemaChange

TABLES = ("orders", "payments", "customers", "products")
OPERATIONS = ("INSERT", "UPDATE", "DELETE", "DDL")
STATUSES = (
    *("pending", "paid", "shipped", "cancelled", "archived?"),
    *("captured", "failed", "refunded", "chargeback?"),
)
PRODUCTS = 48
HORIZON = 5 * DAY
"""An event arrives at most this long after the block in which its order began has started."""

_PENDING, _PAID, _SHIPPED, _CANCELLED, _ODD = range(5)
_CAPTURED, _FAILED, _REFUNDED, _ODD_PAYMENT = range(5, 9)
_INSERT, _UPDATE, _DELETE, _DDL = range(4)
_FAULTS = 7
_PAYMENTS_SHARE = 0.17  # of all events are new payments; only those come late
_TOO_LATE = 0.1  # of what comes late is more than a day behind

# Days after the epoch, table, column, type.
_SCHEMA = (
    (20 * HOUR, "orders", "coupon_code", "varchar(20)"),
    (4 * DAY, "payments", "risk_score", "numeric(5,2)"),
    (9 * DAY, "customers", "marketing_opt_in", "boolean"),
)


class Planner:
    """Plans the events of one shop.

    Args:
        season: rates, incidents and lag.
        bad_share: malformed lines, and as many inserts of invalid rows, as shares of all events.
        duplicate_share: share of events that come twice.
        late_share: share of events that come 10 min to 8 h late, a tenth of them 25 to 48 h.
    """

    def __init__(
        self, season: Season, bad_share: float, duplicate_share: float, late_share: float
    ) -> None:
        self.season = season
        self.bad_share = bad_share
        self.duplicate_share = duplicate_share
        self.late_share = late_share
        # Busier shops get shorter blocks: some 1,400 orders, enough for columns to pay off.
        self.block = max(2, min(360, int(1_440 / season.orders_per_minute))) * MINUTE
        self._counts: list[np.ndarray] = []
        self._orders = [0]
        self._customers = [0]

    def schema_changes(self) -> tuple[SchemaChange, ...]:
        """The columns that are added in the course of time."""
        epoch = self.season.epoch
        times = self.season.defer(np.array([epoch + after for after, *_ in _SCHEMA]))
        return tuple(
            SchemaChange(
                table=table,
                column=column,
                at=moment(int(at)),
                statement=f"ALTER TABLE {table} ADD COLUMN {column} {kind}",
            )
            for at, (_, table, column, kind) in zip(times, _SCHEMA, strict=True)
        )

    def plan(self, block: int) -> pl.DataFrame:
        """All lines that begin in a block, sorted by arrival.

        Columns beside those of an order: ``key`` (unique, orders equal arrivals), ``event`` (the
        key of the event; a duplicate has its original's), ``out`` (arrival, µs), ``at`` (event
        time), ``captured``, ``table``, ``op``, ``sequence``, ``old`` and ``new`` (statuses),
        ``previous`` (time of the row's last change), and the flags ``invalid``, ``duplicate``,
        ``delayed``, ``late`` and ``fault`` (0, or how the line is broken).
        """
        rng = np.random.default_rng([self.season.seed, 4, block])
        orders = self._new_orders(block, rng)
        pieces = [*self._order_events(orders), *self._payment_events(orders, rng)]
        pieces += [*self._customer_events(orders), *self._product_events(block)]
        pieces += self._schema_events(block)
        events = pl.concat(pieces, how="diagonal").sort("at", maintain_order=True)
        captured = events["at"].to_numpy() + self.season.lag(events["at"].to_numpy())
        keys = (block << 24) + np.arange(len(events))
        events = events.with_columns(
            key=pl.Series(keys), event=pl.Series(keys), captured=pl.Series(captured)
        ).with_columns(out="captured")
        lines = self._blemished(events, block)
        return lines.sort("out", "key")

    def _span(self, block: int) -> tuple[int, int]:
        start = self.season.epoch + block * self.block
        return start, start + self.block

    def _count(self, block: int) -> None:
        """Fill in the numbers of orders and new customers up to a block, which ids build on."""
        while len(self._counts) <= block:
            number = len(self._counts)
            rng = np.random.default_rng([self.season.seed, 3, number])
            counts = rng.poisson(self.season.rate(np.arange(*self._span(number), MINUTE)))
            known = self._customers[-1]
            total = int(counts.sum())
            fresh = max(0.3, 300 / (300 + known))
            self._counts.append(counts)
            self._orders.append(self._orders[-1] + total)
            self._customers.append(known + int(rng.binomial(total, fresh)))

    def _new_orders(self, block: int, rng: np.random.Generator) -> pl.DataFrame:
        """One row an order that begins in the block, with all that stays as it is."""
        self._count(block)
        start, _ = self._span(block)
        counts = self._counts[block]
        count = int(counts.sum())
        minutes = np.repeat(start + np.arange(len(counts)) * MINUTE, counts)
        created = np.sort(minutes + rng.integers(0, MINUTE, count))
        known, fresh = self._customers[block], self._customers[block + 1] - self._customers[block]
        is_new = rng.permutation(count) < fresh
        customer = (1 + known * rng.random(count) ** 1.3).astype(np.int64)
        customer[is_new] = known + 1 + np.arange(fresh)
        product = (PRODUCTS * rng.random(count) ** 1.8).astype(np.int64)
        quantity = np.minimum(1 + rng.poisson(0.5, count), 9)
        cents = base_price(self.season.seed, product) * quantity * rng.lognormal(0, 0.2, count)
        wrong = self.season.level("price_error", created, 1.0)
        cents = np.where(rng.random(count) < 0.3, wrong, 1.0) * cents
        flawed = rng.random(count) < 2.6 * self.bad_share
        return pl.DataFrame(
            {
                "order": self._orders[block] + 1 + np.arange(count),
                "customer": customer,
                "is_new": is_new,
                "product": product,
                "quantity": quantity,
                "cents": np.maximum(cents, 99).astype(np.int64),
                "channel": rng.choice(5, count, p=(0.45, 0.33, 0.12, 0.07, 0.03)),
                "coupon": np.where(rng.random(count) < 0.2, rng.integers(1, 6, count), 0),
                "flaw": np.where(flawed, rng.integers(1, 6, count), 0),
                "created": created,
            }
        ).with_columns(self._life(created, rng))

    def _life(self, created: np.ndarray, rng: np.random.Generator) -> list[pl.Series]:
        """When each order is paid, shipped …; 0 for what does not happen to it."""
        count = len(created)
        fails = rng.random(count) < self.season.level("payment_failures", created, 0.04)
        ends = rng.choice(4, count, p=(0.03, 0.03, 0.04, 0.9))  # leaves, cancels, returns, keeps
        steps = {
            "paid_at": _seconds(rng.lognormal(2.8, 0.7, count), 2, 120),
            "shipped_at": _seconds(rng.lognormal(9.6, 0.6, count), 1_800, 24 * 3_600),
            "delivered_at": _seconds(rng.lognormal(11.2, 0.4, count), 6 * 3_600, 60 * 3_600),
            "refunded_at": _seconds(rng.lognormal(9.9, 0.6, count), 3_600, 24 * 3_600),
        }
        times, last = {}, created
        for name, step in steps.items():
            last = times[name] = np.maximum(self.season.defer(last + step), last + SECOND)
        leaves = ends == 0
        pays = ~leaves & ~fails
        early = pays & (ends == 1)
        cancel = created + _seconds(rng.lognormal(7.0, 0.2, count), 600, 1_800)
        cancel = np.where(early, times["paid_at"] + (cancel - created) * 4, cancel)
        cancel = np.maximum(self.season.defer(cancel), times["paid_at"] + SECOND)
        goes = pays & ~early
        chosen = {
            "paid_at": np.where(~leaves, times["paid_at"], 0),
            "failed": ~leaves & fails,
            "cancelled_at": np.where(~goes, cancel, 0),
            "shipped_at": np.where(goes, times["shipped_at"], 0),
            "delivered_at": np.where(goes, times["delivered_at"], 0),
            "refunded_at": np.where(goes & (ends == 2), times["refunded_at"], 0),
        }
        return [pl.Series(name, values) for name, values in chosen.items()]

    def _order_events(self, orders: pl.DataFrame) -> list[pl.DataFrame]:
        first = pl.when(pl.col("flaw") == 3).then(_ODD).otherwise(_PENDING)
        pays = (pl.col("paid_at") > 0) & ~pl.col("failed")
        early = pays & (pl.col("cancelled_at") > 0)
        fails = pl.col("failed")
        leaves = pl.col("paid_at") == 0
        placed = _events(orders, 0, _INSERT, "created", new=first, sequence=2)
        return [
            placed.with_columns(invalid=pl.col("flaw").is_between(1, 3)),
            _events(orders.filter(pays), 0, _UPDATE, "paid_at", "created", first, _PAID, 2),
            _events(orders.filter(fails), 0, _UPDATE, "cancelled_at", "created", first, _CANCELLED),
            _events(orders.filter(leaves), 0, _DELETE, "cancelled_at", "created", first),
            _events(orders.filter(early), 0, _UPDATE, "cancelled_at", "paid_at", _PAID, _CANCELLED),
            _moved(orders, "shipped_at", "paid_at", _PAID, _SHIPPED),
            _moved(orders, "delivered_at", "shipped_at", _SHIPPED, _SHIPPED),
            _moved(orders, "refunded_at", "delivered_at", _SHIPPED, _CANCELLED),
        ]

    def _payment_events(self, orders: pl.DataFrame, rng: np.random.Generator) -> list[pl.DataFrame]:
        odd = pl.col("flaw") == 4
        fine = pl.when(odd).then(_ODD_PAYMENT).otherwise(_CAPTURED)
        tried = orders.filter(pl.col("paid_at") > 0)
        count = len(tried)
        tried = tried.with_columns(
            pl.Series("latency", rng.lognormal(5.4, 0.5, count).astype(np.int64) + 20),
            pl.Series("method", rng.choice(4, count, p=(0.55, 0.25, 0.12, 0.08))),
            pl.Series("risk", (100 * 100 * rng.beta(1.5, 8, count)).astype(np.int64)),
        )
        state = pl.when(pl.col("failed")).then(_FAILED).otherwise(fine)
        paid = _events(tried, 1, _INSERT, "paid_at", new=state)
        early = tried.filter((pl.col("cancelled_at") > 0) & ~pl.col("failed"))
        back = tried.filter(pl.col("refunded_at") > 0)
        return [
            paid.with_columns(invalid=(pl.col("new") == _ODD_PAYMENT) | (pl.col("flaw") == 1)),
            _events(early, 1, _UPDATE, "cancelled_at", "paid_at", fine, _REFUNDED, 2),
            _events(back, 1, _UPDATE, "refunded_at", "paid_at", fine, _REFUNDED, 2),
        ]

    def _customer_events(self, orders: pl.DataFrame) -> list[pl.DataFrame]:
        """Customers register with their first order; most confirm their address within hours."""
        fresh = orders.filter("is_new")
        seed, ids = self.season.seed, fresh["customer"].to_numpy()
        wait = _seconds(120 * 180 ** uniform(seed, 21, ids), 60, 6 * 3_600)
        confirmed = self.season.defer(fresh["created"].to_numpy() + wait)
        fresh = fresh.with_columns(pl.Series("confirmed", confirmed))
        joined = _events(fresh, 2, _INSERT, "created")
        joined = joined.with_columns(invalid=pl.col("flaw") == 5)
        later = fresh.filter(pl.Series(uniform(seed, 22, ids) < 0.7))
        return [joined, _events(later, 2, _UPDATE, "confirmed", "created", 0, 1)]

    def _product_events(self, block: int) -> list[pl.DataFrame]:
        """Each product's stock is counted once an hour; all products exist from the epoch on."""
        epoch, (start, end) = self.season.epoch, self._span(block)
        shift = 60 * SECOND + (uniform(self.season.seed, 31, np.arange(PRODUCTS)) * 58 * MINUTE)
        hours = np.arange((start - epoch) // HOUR - 1, (end - epoch) // HOUR + 1)
        hours = hours[hours >= 0]
        grid = epoch + hours[:, None] * HOUR + shift.astype(np.int64)[None, :]
        hour, product = np.nonzero((grid >= start) & (grid < end))
        at = grid[hour, product]
        previous = np.where(hours[hour] > 0, at - HOUR, epoch + product * SECOND)
        counted = pl.DataFrame(
            {
                "product": product,
                "hour": hours[hour] + 1,
                "at": self.season.defer(at),
                "created": self.season.defer(previous),
            }
        )
        pieces = [_events(counted, 3, _UPDATE, "at", "created")]
        if block == 0:
            number = np.arange(PRODUCTS)
            opened = pl.DataFrame({"product": number, "at": epoch + number * SECOND})
            opened = opened.with_columns(hour=pl.lit(0, pl.Int64))
            pieces.append(_events(opened, 3, _INSERT, "at"))
        return pieces

    def _schema_events(self, block: int) -> list[pl.DataFrame]:
        start, end = map(moment, self._span(block))
        rows = [
            {"table": TABLES.index(c.table), "op": _DDL, "at": _at(c), "hour": number}
            for number, c in enumerate(self.schema_changes())
            if start <= c.at < end
        ]
        return [pl.DataFrame(rows).with_columns(sequence=pl.lit(1, pl.Int64))] if rows else []

    def _blemished(self, events: pl.DataFrame, block: int) -> pl.DataFrame:
        """The events with some late, and with duplicates and malformed lines added."""
        rng = np.random.default_rng([self.season.seed, 5, block])
        count = len(events)
        payable = (events["table"] == 1) & (events["op"] == _INSERT)
        chance = self.late_share / _PAYMENTS_SHARE
        behind = payable.to_numpy() & (rng.random(count) < chance)
        late = behind & (rng.random(count) < _TOO_LATE)
        wait = np.where(late, rng.integers(25 * HOUR, 48 * HOUR, count), 0)
        wait = np.where(behind & ~late, rng.integers(10 * MINUTE, 8 * HOUR, count), wait)
        events = events.with_columns(
            pl.col("out") + pl.Series(wait),
            pl.col("invalid").fill_null(value=False),
            delayed=pl.Series(behind & ~late),
            late=pl.Series(late),
            duplicate=pl.lit(value=False),
            fault=pl.lit(0, pl.Int64),
        )
        twice = (rng.random(count) < self.duplicate_share) & ~behind
        again = _copies(events, np.flatnonzero(twice), rng, 1 << 22).with_columns(
            duplicate=pl.lit(value=True)
        )
        sane = np.flatnonzero((events["table"] < 3).to_numpy() & (events["op"] != _DDL).to_numpy())
        picked = sane[rng.random(len(sane)) < self.bad_share]
        broken = _copies(events, picked, rng, 1 << 23).with_columns(
            pl.Series("fault", rng.integers(1, _FAULTS + 1, len(picked))),
            *(pl.lit(value=False).alias(flag) for flag in ("invalid", "delayed", "late")),
        )
        return pl.concat([events, again, broken])


def base_price(seed: int, product: np.ndarray) -> np.ndarray:
    """Price in cents that a product starts with; log-normal over the products."""
    # The normal deviate comes from twelve uniforms, so that it needs no generator state.
    keys = product[:, None] * 12 + np.arange(12)[None, :]
    normal = uniform(seed, 41, keys).sum(axis=1) - 6
    return np.asarray(np.exp(8.3 + 0.8 * normal).astype(np.int64))


def event_ids(seed: int, keys: np.ndarray) -> np.ndarray:
    """64 bits per event key that serve as its id."""
    return mix(seed, 51, keys)


def _events(
    rows: pl.DataFrame,
    table: int,
    op: int,
    at: str,
    previous: str | None = None,
    old: int | pl.Expr = -1,
    new: int | pl.Expr = -1,
    sequence: int = 1,
) -> pl.DataFrame:
    """One event per row, at the time in column ``at``, of a row last changed at ``previous``."""
    return rows.with_columns(
        _whole(table).alias("table"),
        _whole(op).alias("op"),
        _whole(sequence).alias("sequence"),
        pl.col(at).alias("at"),
        (pl.col(previous) if previous else _whole(0)).alias("previous"),
        _whole(old).alias("old"),
        _whole(new).alias("new"),
    )


def _moved(orders: pl.DataFrame, at: str, previous: str, old: int, new: int) -> pl.DataFrame:
    """Updates of the orders that get as far as ``at``."""
    return _events(orders.filter(pl.col(at) > 0), 0, _UPDATE, at, previous, old, new)


def _copies(
    events: pl.DataFrame, picked: Sequence[int] | np.ndarray, rng: np.random.Generator, base: int
) -> pl.DataFrame:
    """Some events again, 1 to 120 s later, with keys of their own."""
    wait = rng.integers(SECOND, 120 * SECOND, len(picked))
    copies = events[np.asarray(picked, dtype=np.int64)]
    return copies.with_columns(pl.col("out") + pl.Series(wait), pl.col("key") + base)


def _whole(value: int | pl.Expr) -> pl.Expr:
    return value.cast(pl.Int64) if isinstance(value, pl.Expr) else pl.lit(value, pl.Int64)


def _seconds(values: np.ndarray, least: float, most: float) -> np.ndarray:
    return np.asarray((np.clip(values, least, most) * SECOND).astype(np.int64))


def _at(change: SchemaChange) -> int:
    return (change.at - moment(0)) // (moment(1) - moment(0))
