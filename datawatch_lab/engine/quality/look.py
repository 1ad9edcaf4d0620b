"""What evaluations of quality look up besides the rows: holders of values, parents, conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.core.columns import not_null, true_where
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import Store
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.live.keys import keys_of
from datawatch_lab.metrics.expressions import (
    Expression,
    compile_filter,
    kinds_of,
    rows_of,
    work_out,
)
from datawatch_lab.metrics.images import Frame
from datawatch_lab.quality.images import Bools, Images, text_of
from datawatch_lab.quality.unique import PAIR, ROW
from datawatch_lab.quality.verdict import Condition
from datawatch_lab.store.quality import QualityStore

_NEVER = np.iinfo(np.int64).max
_PAIRS = dict.fromkeys((*PAIR, *ROW), pl.Int64())


class Holders(Protocol):
    """Who holds which value."""

    def held(self, rule: str, values: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """Pairs that have to do with some values or rows."""
        ...


@dataclass
class Remembered:
    """Who holds which value, in memory: for evaluations whose outcome is not stored."""

    pairs: dict[str, pl.DataFrame] = field(default_factory=dict)

    def held(self, rule: str, values: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """Pairs that have to do with some values or rows."""
        known = self.pairs.get(rule, pl.DataFrame(schema=_PAIRS))
        by_value = known.join(values.select(*PAIR).unique(), on=PAIR, how="semi")
        by_row = known.join(rows.select(*ROW).unique(), on=ROW, how="semi")
        return pl.concat([by_value, by_row]).unique()

    def keep(self, rule: str, rows: pl.DataFrame, now: pl.DataFrame, *, emptied: bool) -> None:
        """Take in what an evaluation found."""
        known = self.pairs.get(rule, pl.DataFrame(schema=_PAIRS))
        if emptied:
            known = known.clear()
        left = known.join(rows, on=ROW, how="anti")
        self.pairs[rule] = pl.concat([left, now.select(*PAIR, *ROW)])


@dataclass(frozen=True)
class Looking:
    """Looks things up for evaluations.

    Attributes:
        store: live tables and hashes.
        tables: by workspace name, as they are now.
        holders: for rules of uniqueness.
    """

    store: Store
    tables: Callable[[], Mapping[str, TableInfo]]
    holders: Holders | QualityStore

    def condition(self, table: TableInfo) -> Condition:
        """Works conditions over the columns of a table out."""
        kinds = kinds_of(table.columns)
        compiled: dict[str, Expression] = {}

        def work(text: str, images: Images) -> tuple[Bools, Bools]:
            if text not in compiled:
                compiled[text] = compile_filter(text, kinds, table=table.name)
            expression = compiled[text]
            rows = rows_of(Frame(images.frame), np.arange(len(images)), expression.used)
            column = work_out(rows, expression).column
            return not_null(column), true_where(column)

        return work

    def parents(self, table: str, column: str, values: pl.Series) -> dict[str, int]:
        """Up to which sequence number each value is there; values that never were are left out.

        Args:
            table: that is pointed to.
            column: of it.
            values: distinct texts.

        Raises:
            InputError: the table has no key, so its rows are not known.
        """
        parent = self.tables().get(table)
        if parent is None:  # it has not sent anything yet
            return {}
        if not parent.key:
            raise InputError(
                f"{table} has no key, so there is no live table that references can be checked "
                "against.",
                hint="Say its key in the configuration: tables: {…: {key: […]}}.",
            )
        if parent.key == (column,):
            return self._by_key(parent, column, values)
        found: dict[str, int] = {}
        for rows in self.store.live_scan(parent, [column]):
            texts = text_of(rows.rows[column])
            here = texts.filter(texts.is_in(values.to_list())).unique().drop_nulls()
            found |= dict.fromkeys(here.to_list(), _NEVER)
        return found

    def _by_key(self, parent: TableInfo, column: str, values: pl.Series) -> dict[str, int]:
        frame = RowFrame(np.arange(len(values)), pl.DataFrame({column: values}))
        keys = keys_of(frame, (column,), self.store.hash_texts)
        wanted = pl.DataFrame({"k_hi": keys.hi, "k_lo": keys.lo, "value": values})
        rows = self.store.live_rows(parent, wanted.select("k_hi", "k_lo").unique(), [])
        heads = rows.heads.select("k_hi", "k_lo", "seq", "gone")
        found = wanted.join(heads, on=["k_hi", "k_lo"])
        until = pl.when(pl.col("gone")).then(pl.col("seq")).otherwise(pl.lit(_NEVER))
        pairs = found.select("value", until.alias("until"))
        return dict(zip(pairs["value"].to_list(), pairs["until"].to_list(), strict=True))
