"""Planned events of the demo shop as Savegress JSON lines, built column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.ingest.sources.demo_plan import (
    OPERATIONS,
    STATUSES,
    TABLES,
    base_price,
    event_ids,
)
from datawatch_lab.ingest.sources.demo_season import micros, uniform
from datawatch_lab.ingest.sources.demo_truth import SchemaChange

_CHANNELS = ("web", "app", "marketplace", "store", "phone")
_METHODS = ("card", "paypal", "bank_transfer", "gift_card")
_PROVIDERS = ("stripe", "adyen", "paypal")
_COUNTRIES = ("US", "DE", "GB", "FR", "NL", "ES", "JP", "BR")
_CURRENCIES = ("USD", "EUR", "GBP", "EUR", "EUR", "EUR", "JPY", "BRL")
_COUPONS = ("", "WELCOME10", "SPRING", "VIP20", "FREESHIP", "FRIEND5")
_SEGMENTS = ("consumer", "consumer", "consumer", "business", "vip")
_FIRST = ("Ana", "José", "Mei", "Liam", "Zoë", "Omar", "Priya", "Lukas", "Noor", "Emma", "Yuki")
_LAST = ("Silva", "Müller", "Chen", "Smith", "García", "Okafor", "Rossi", "Nowak", "Tanaka", "Roy")
_CATEGORIES = ("audio", "kitchen", "outdoor", "books", "toys", "office")
_THINGS = ("Headphones", "Kettle", "Tent", "Atlas", "Puzzle", "Lamp", "Speaker", "Pan")
_ERRORS = ("card_declined", "insufficient_funds", "provider_timeout")
_FAULTS = {
    3: ((b'"table":', b'"tabel":'),),
    4: ((b'"operation":"', b'"operation":"MAYBE_'),),
    5: ((b'"timestamp":"', b'"timestamp":"about '),),
    6: ((b'"source":"shop"', b'"source":"sh\xff\xfep"'),),
    7: ((b'"before":', b'"old":'), (b'"after":', b'"new":')),
}
_PLAIN = str.maketrans("éëüí", "eeui")
_USERS = [name.lower().translate(_PLAIN) for name in _FIRST]


class Renderer:
    """Writes the lines of one shop.

    Args:
        seed: of the shop; decides the attributes of customers and products.
        schema: the columns that are added over time.
    """

    def __init__(self, seed: int, schema: Sequence[SchemaChange]) -> None:
        self.seed = seed
        self.schema = schema

    def lines(self, plan: pl.DataFrame, epoch: int) -> list[bytes]:
        """One line per planned row, in the same order."""
        if not len(plan):
            return []
        plan = plan.with_row_index("row")
        pieces = []
        for (table,), rows in plan.group_by("table", maintain_order=True):
            ddl = rows["op"] == OPERATIONS.index("DDL")
            name = TABLES[int(table)]
            pieces.append(self._envelope(self._images(rows.filter(~ddl), name), name, epoch))
            if ddl.any():
                pieces.append(self._envelope(self._ddl(rows.filter(ddl)), name, epoch))
        joined = pl.concat(pieces).sort("row")
        lines: list[bytes] = joined["line"].cast(pl.Binary).to_list()
        faults = plan["fault"].to_numpy()
        for position in np.flatnonzero(faults):
            lines[position] = _broken(lines[position], int(faults[position]))
        return lines

    def _envelope(self, rows: pl.DataFrame, table: str, epoch: int) -> pl.DataFrame:
        ago = rows["at"] - epoch
        lsn = (1 << 36) + ago.to_numpy() * 8 + rows["sequence"].to_numpy()
        lsn_text = _hex(lsn.astype(np.uint64))
        return rows.select(
            "row",
            line=pl.concat_str(
                pl.lit('{"id":"evt_'),
                _hex(event_ids(self.seed, rows["event"].to_numpy())),
                pl.lit(f'","source":"shop","schema":"public","table":"{table}","operation":"'),
                _named(rows["op"], OPERATIONS),
                pl.lit('","timestamp":"'),
                "at_text",
                pl.lit('","transaction_id":"'),
                ago.cast(pl.String),
                pl.lit('","position":{"lsn":"'),
                lsn_text.str.slice(0, 8).str.strip_chars_start("0"),
                pl.lit("/"),
                lsn_text.str.slice(8),
                pl.lit('","sequence":'),
                pl.col("sequence").cast(pl.String),
                pl.lit("},"),
                "body",
                pl.lit(',"metadata":{"database":"shop","server":"demo-1","captured_at":"'),
                _stamp("captured"),
                pl.lit('"}}'),
            ),
        )

    def _ddl(self, rows: pl.DataFrame) -> pl.DataFrame:
        statements = pl.Series([self.schema[int(n)].statement for n in rows["hour"]])
        return rows.with_columns(
            at_text=_stamp("at"),
            body=pl.concat_str(
                pl.lit('"ddl_type":"ALTER","ddl_command":"'), statements, pl.lit('"')
            ),
        )

    def _images(self, rows: pl.DataFrame, table: str) -> pl.DataFrame:
        """Adds ``at_text`` and ``body``, the two images."""
        rows = rows.with_columns(
            at_text=_stamp("at"), then_text=_stamp("previous"), created_text=_stamp("created")
        )
        build = {
            "orders": self._orders,
            "payments": self._payments,
            "customers": self._customers,
            "products": self._products,
        }[table]
        before, after = build(rows)
        op = pl.col("op")
        return rows.with_columns(
            body=pl.concat_str(
                pl.lit('"before":'),
                pl.when(op == OPERATIONS.index("INSERT")).then(pl.lit("null")).otherwise(before),
                pl.lit(',"after":'),
                pl.when(op == OPERATIONS.index("DELETE")).then(pl.lit("null")).otherwise(after),
            )
        )

    def _added(self, column: str, value: pl.Expr) -> pl.Expr:
        """``,"column":value`` for rows changed after the column was added, else nothing.

        A row that began before has null, as after an ALTER TABLE without a default.
        """
        since = next(micros(c.at) for c in self.schema if c.column == column)
        value = pl.when(pl.col("created") >= since).then(value).otherwise(pl.lit("null"))
        field = pl.concat_str(pl.lit(f',"{column}":'), value)
        return pl.when(pl.col("at") >= since).then(field).otherwise(pl.lit(""))

    def _orders(self, rows: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
        country = self._country(rows)
        customer = pl.when(pl.col("flaw") == 2).then(pl.lit("null")).otherwise(_text("customer"))
        coupon = pl.concat_str(pl.lit('"'), _named(rows["coupon"], _COUPONS), pl.lit('"'))
        coupon = pl.when(pl.col("coupon") > 0).then(coupon).otherwise(pl.lit("null"))
        fixed = pl.concat_str(
            pl.lit('{"id":'),
            _text("order"),
            pl.lit(',"customer_id":'),
            customer,
            pl.lit(',"email":"'),
            pl.when(pl.col("flaw") == 2).then(pl.lit("")).otherwise(self._address(rows)),
            pl.lit('","product_id":'),
            (pl.col("product") + 1).cast(pl.String),
            pl.lit(',"quantity":'),
            _text("quantity"),
            pl.lit(',"amount":"'),
            _amount(),
            pl.lit('","currency":"'),
            _named(country, _CURRENCIES),
            pl.lit('","channel":"'),
            _named(rows["channel"], _CHANNELS),
            pl.lit('","country":"'),
            _named(country, _COUNTRIES),
            pl.lit('","created_at":"'),
            "created_text",
            pl.lit('","status":"'),
        )
        end = pl.concat_str(self._added("coupon_code", coupon), pl.lit("}"))

        def image(status: str, text: str, at: str) -> pl.Expr:
            updated = pl.lit('","updated_at":"')
            named = _named(rows[status], STATUSES)
            sent = pl.concat_str(pl.lit('","shipped_at":'), _reached("shipped_at", at))
            came = pl.concat_str(pl.lit(',"delivered_at":'), _reached("delivered_at", at))
            return pl.concat_str(fixed, named, updated, text, sent, came, end)

        return image("old", "then_text", "previous"), image("new", "at_text", "at")

    def _payments(self, rows: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
        order = rows["order"].to_numpy()
        provider = pl.Series((uniform(self.seed, 61, order) ** 1.5 * 3).astype(np.int64))
        error = pl.Series((uniform(self.seed, 62, order) * 3).astype(np.int64))
        why = pl.concat_str(pl.lit('"'), _named(error, _ERRORS), pl.lit('"'))
        risk = pl.concat_str(pl.lit('"'), _decimal(pl.col("risk")), pl.lit('"'))
        fixed = pl.concat_str(
            pl.lit('{"id":"pay_'),
            _text("order").str.zfill(8),
            pl.lit('","order_id":'),
            _text("order"),
            pl.lit(',"amount":"'),
            _amount(),
            pl.lit('","currency":"'),
            _named(self._country(rows), _CURRENCIES),
            pl.lit('","method":"'),
            _named(rows["method"], _METHODS),
            pl.lit('","provider":"'),
            _named(provider, _PROVIDERS),
            pl.lit('","latency_ms":'),
            _text("latency"),
            pl.lit(',"error_code":'),
            pl.when(pl.col("failed")).then(why).otherwise(pl.lit("null")),
            pl.lit(',"created_at":"'),
            _stamp("paid_at"),
            pl.lit('","status":"'),
        )
        end = pl.concat_str(pl.lit('"'), self._added("risk_score", risk), pl.lit("}"))

        def image(status: str, text: str) -> pl.Expr:
            named = _named(rows[status], STATUSES)
            return pl.concat_str(fixed, named, pl.lit('","updated_at":"'), text, end)

        return image("old", "then_text"), image("new", "at_text")

    def _customers(self, rows: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
        ids = rows["customer"].to_numpy()
        first = self._first(rows)
        last = pl.Series((uniform(self.seed, 72, ids) * len(_LAST)).astype(np.int64))
        segment = pl.Series((uniform(self.seed, 73, ids) * len(_SEGMENTS)).astype(np.int64))
        opted = pl.Series(uniform(self.seed, 74, ids) < 0.4)
        opted_text = pl.when(opted).then(pl.lit("true")).otherwise(pl.lit("false"))
        fixed = pl.concat_str(
            pl.lit('{"id":'),
            _text("customer"),
            pl.lit(',"name":"'),
            _named(first, _FIRST),
            pl.lit(" "),
            _named(last, _LAST),
            pl.lit('","email":"'),
            pl.when(pl.col("flaw") == 5).then(_named(first, _USERS)).otherwise(self._address(rows)),
            pl.lit('","country":"'),
            _named(self._country(rows), _COUNTRIES),
            pl.lit('","segment":"'),
            _named(segment, _SEGMENTS),
            pl.lit('","created_at":"'),
            "created_text",
            pl.lit('","updated_at":"'),
        )
        end = pl.concat_str(self._added("marketing_opt_in", opted_text), pl.lit("}"))
        confirmed = pl.when(pl.col("op") == 1).then(pl.lit("true")).otherwise(pl.lit("false"))
        before = pl.concat_str(fixed, "then_text", pl.lit('","verified":false'), end)
        return before, pl.concat_str(fixed, "at_text", pl.lit('","verified":'), confirmed, end)

    def _first(self, rows: pl.DataFrame) -> pl.Series:
        """Which first name each customer has."""
        draw = uniform(self.seed, 71, rows["customer"].to_numpy())
        return pl.Series((draw * len(_FIRST)).astype(np.int64))

    def _address(self, rows: pl.DataFrame) -> pl.Expr:
        """The e-mail address of each customer."""
        name = _named(self._first(rows), _USERS)
        return pl.concat_str(name, pl.lit("."), _text("customer"), pl.lit("@example.com"))

    def _products(self, rows: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
        product, hour = rows["product"].to_numpy(), rows["hour"].to_numpy()
        category = pl.Series(product % len(_CATEGORIES))
        thing = pl.Series((product * 7) % len(_THINGS))
        fixed = pl.concat_str(
            pl.lit('{"id":'),
            (pl.col("product") + 1).cast(pl.String),
            pl.lit(',"sku":"'),
            _named(category, [name[:3].upper() for name in _CATEGORIES]),
            pl.lit("-"),
            (pl.col("product") * 37 + 1000).cast(pl.String),
            pl.lit('","name":"'),
            _named(thing, _THINGS),
            pl.lit(" "),
            (pl.col("product") + 1).cast(pl.String),
            pl.lit('","category":"'),
            _named(category, _CATEGORIES),
            pl.lit('","price":"'),
        )

        def image(hours: np.ndarray, at: str) -> pl.Expr:
            price, stock = self._shelf(product, hours)
            return pl.concat_str(
                fixed,
                _decimal(price),
                pl.lit('","stock":'),
                stock.cast(pl.String),
                pl.lit(',"updated_at":"'),
                at,
                pl.lit('"}'),
            )

        return image(hour - 1, "then_text"), image(hour, "at_text")

    def _shelf(self, product: np.ndarray, hour: np.ndarray) -> tuple[pl.Series, pl.Series]:
        """Price in cents, moved once a week by up to 8 %, and stock, refilled every 30 hours."""
        hour = np.maximum(hour, 0)
        step = uniform(self.seed, 81, product * 100_000 + hour // 168)
        price = base_price(self.seed, product) * (0.92 + 0.16 * step)
        noise = uniform(self.seed, 82, product * 1_000_000 + hour) * 5
        stock = 210 - 6 * ((hour + product * 11) % 30) - noise
        return pl.Series(price.astype(np.int64)), pl.Series(stock.astype(np.int64))

    def _country(self, rows: pl.DataFrame) -> pl.Series:
        draw = uniform(self.seed, 75, rows["customer"].to_numpy()) ** 1.6
        return pl.Series((draw * len(_COUNTRIES)).astype(np.int64))


def _broken(line: bytes, fault: int) -> bytes:
    """A line that is no event any more, in one of seven ways (1 to 7)."""
    if fault == 1:
        return line[: len(line) * 2 // 3]
    if fault == 2:
        return b"ERROR connector demo-1: could not serialise change"
    for old, new in _FAULTS[fault]:
        line = line.replace(old, new, 1)
    return line


def _stamp(column: str) -> pl.Expr:
    """µs since the epoch as ISO 8601 in UTC; a missing time gives nothing that is used."""
    text = pl.col(column).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return text.fill_null("")


def _reached(column: str, at: str) -> pl.Expr:
    """The time of a step as JSON text; null for a row that has not come to it at ``at``."""
    step = pl.concat_str(pl.lit('"'), _stamp(column), pl.lit('"'))
    done = (pl.col(column) > 0) & (pl.col(at) >= pl.col(column))
    return pl.when(done).then(step).otherwise(pl.lit("null"))


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def _named(codes: pl.Series, names: Sequence[str]) -> pl.Series:
    """The names that codes stand for; '' for none (−1 or null)."""
    index = codes.fill_null(-1)
    return pl.Series([*names, ""], dtype=pl.String).gather(
        index.replace(-1, len(names)).cast(pl.UInt32)
    )


def _decimal(cents: pl.Expr | pl.Series) -> pl.Expr:
    """Hundredths as a decimal with two places."""
    whole = pl.lit(cents) if isinstance(cents, pl.Series) else cents
    return pl.concat_str(
        (whole // 100).cast(pl.String), pl.lit("."), (whole % 100).cast(pl.String).str.zfill(2)
    )


def _amount() -> pl.Expr:
    """The amount of an order; a flaw makes it negative."""
    sign = pl.when(pl.col("flaw") == 1).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, _decimal(pl.col("cents")))


def _hex(values: np.ndarray) -> pl.Series:
    """Each uint64 as 16 upper-case hexadecimal digits."""
    digits = values.astype(">u8").tobytes().hex().upper().encode()
    offsets = np.arange(len(values) + 1, dtype=np.int32) * 16
    text = pa.Array.from_buffers(
        pa.string(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
    )
    return pl.Series(pl.from_arrow(text))
