"""What the log holds, as batches again: the same derivations run over the past."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import polars as pl

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.storage import Store
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.ingest.positions import order_of

ROW_OPS = ("c", "u", "d", "r", "t")
"""Operations that change rows."""


class History:
    """Reads a table's past from the store.

    Attributes:
        ordered: sources whose order of arrival is the order of their changes.
    """

    def __init__(self, store: Store, ordered: Collection[str] = ()) -> None:
        self._store = store
        self.ordered = set(ordered)

    def batches(self, table: TableInfo, after_seq: int, to_seq: int) -> Iterator[TableBatch]:
        """Applied row changes after one sequence number and up to another, in order."""
        for frame in self._store.read_log(table.id, after_seq=after_seq, to_seq=to_seq):
            yield self.as_batch(table, frame)

    def past(self, table: TableInfo, to_seq: int) -> Callable[[], Iterable[TableBatch]]:
        """What gives all of a table up to a sequence number, when it is asked."""
        return lambda: self.batches(table, 0, to_seq) if to_seq else ()

    def as_batch(self, table: TableInfo, frame: pl.DataFrame) -> TableBatch:
        """Rows of the log as a batch; marks and DDL are left out."""
        rows = with_order(frame.filter(pl.col("op").is_in(ROW_OPS)))
        return TableBatch(
            table=table,
            events=rows.select(
                "seq",
                "op",
                "ts",
                "received",
                "ordinal",
                "sub",
                pl.col("source").is_in(sorted(self.ordered)).alias("ordered"),
            ),
            after=parse_images(rows["after"]),
            before=parse_images(rows["before"]),
        )


def with_order(events: pl.DataFrame) -> pl.DataFrame:
    """Events with ``ordinal`` and ``sub``, from their ``position`` and ``tx_order``."""
    ordinal, sub = order_of(events["position"], events["tx_order"])
    return events.hstack([ordinal.alias("ordinal"), sub.alias("sub")])
