"""Row images parsed again from the raw text that was kept."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import RowFrame, TableRows
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.ingest.rows import decode_rows


def parse_images(texts: pl.Series, positions: np.ndarray | None = None) -> RowFrame:
    """Images from their JSON text; null where an event has none.

    Args:
        texts: one per event.
        positions: numbers of the events, ascending; by default 0, 1, 2 …

    Raises:
        WorkspaceError: a text cannot be read, although it was read before.
    """
    held = texts.is_not_null().to_numpy().nonzero()[0].astype(np.int64)
    if not held.size:
        return RowFrame.empty()
    rows = held if positions is None else positions[held]
    frame, misfits = decode_rows([text.encode() for text in texts.gather(held)], rows)
    if misfits:
        raise WorkspaceError(f"a stored row cannot be read: {misfits[0][1]}")
    return frame


def parse_events(events: pa.Table) -> dict[tuple[str, str], TableRows]:
    """Images of all events of a batch by (schema, table)."""
    frame = pl.DataFrame(events.select(["schema", "table", "after", "before"]))
    numbered = frame.with_row_index("at")
    return {
        (str(schema), str(table)): TableRows(
            parse_images(part["after"], part["at"].to_numpy().astype(np.int64)),
            parse_images(part["before"], part["at"].to_numpy().astype(np.int64)),
        )
        for (schema, table), part in numbered.group_by("schema", "table", maintain_order=True)
    }
