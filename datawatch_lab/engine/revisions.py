"""Finds what a commit corrects: from late events to first values of closed buckets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.batches import TableBatch, Transitions
from datawatch_lab.core.storage import Corrections
from datawatch_lab.core.values import LEVEL_SECONDS, MeasureDef
from datawatch_lab.engine.corrections import DeriveBatch, Part, corrections_of, cut, together
from datawatch_lab.metrics.current import derive_current
from datawatch_lab.metrics.stage import derive, split_fields

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings
    from datawatch_lab.engine.measures import Derived, Measures
    from datawatch_lab.engine.registry import TableRegistry
    from datawatch_lab.store.duck import DuckStore


def find_corrections(
    store: DuckStore,
    measures: Measures,
    settings: Settings,
    batches: Sequence[TableBatch],
    tables: tuple[TableRegistry, TableRegistry],
    derived: Derived,
    late: pl.DataFrame,
) -> Corrections | None:
    """What the late events of a commit correct; None when no closed bucket had them in it.

    A measure that the commit makes, or a label that it adds, had no value before to be corrected.

    Args:
        store: before the commit.
        measures: after `Measures.derive`, before `Measures.keep`.
        settings: of the workspace.
        batches: the commit's.
        tables: as known before the commit and after it.
        derived: what `Measures.derive` gave.
        late: what `corrections.with_depth` gave.
    """
    parts: list[Part] = []
    for table_id in late.filter(pl.col("depth") > 0)["table_id"].unique().sort().to_list():
        before, table = tables[0].find_id(table_id), tables[1][table_id]
        if before is None or split_fields(before) != split_fields(table):
            continue
        mine = [each for each in batches if each.table.id == table_id]
        watched = measures.watched(table_id, derived)
        if not mine or not watched:
            continue
        parts += cut(mine, late, table, _deriver(watched, measures, settings))
        for live in derived.live:
            if live.change.table.id == table_id:
                for steps in live.transitions:
                    parts += _of_steps(steps, watched, measures, mine, late, settings)
    return corrections_of(store.closing.first_states(together(parts))) if parts else None


def _deriver(watched: Sequence[MeasureDef], measures: Measures, settings: Settings) -> DeriveBatch:
    return lambda batch: derive(batch, watched, measures.book, settings)


def _of_steps(
    transitions: Transitions,
    watched: Sequence[MeasureDef],
    measures: Measures,
    batches: Sequence[TableBatch],
    late: pl.DataFrame,
    settings: Settings,
) -> list[Part]:
    """Parts of the measures of the current state.

    A late event also takes back a transition of an event that came earlier: that one corrects its
    own bucket, which is closed as far as the events before had closed it.
    """
    steps = transitions.steps
    if not steps.height:
        return []
    seqs = late["seq"].to_numpy()
    at = np.searchsorted(seqs, steps["seq"].to_numpy())
    own = at < seqs.size
    own[own] = seqs[at[own]] == steps["seq"].to_numpy()[own]
    mark = late.filter(pl.col("table_id") == batches[0].table.id)["mark"].max()
    depth = _closed_levels(steps["at"], mark, settings.close_delay)
    depth[own] = late["depth"].to_numpy()[at[own]]
    edges = [int(each.events["seq"][-1]) for each in batches if each.events.height]
    number = np.searchsorted(edges, steps["seq"].to_numpy())
    number[~own] = max(len(edges) - 1, 0)
    parts = []
    for key in np.unique(np.stack([number, depth]), axis=1).T.tolist():
        places = pl.Series(np.flatnonzero((number == key[0]) & (depth == key[1])))
        some = Transitions(steps[places], transitions.old[places], transitions.new[places])
        parts.append(Part(key[0], key[1], derive_current(some, watched, measures.book)))
    return parts


def _closed_levels(at: pl.Series, mark: object, delay: timedelta) -> np.ndarray:
    """How many levels, from 1m up, are closed at a watermark for each moment."""
    if not isinstance(mark, datetime):
        return np.zeros(len(at), dtype=np.int8)
    levels = [
        (name, timedelta(seconds=width)) for name, width in LEVEL_SECONDS.items() if width > 1
    ]
    closed = [(at.dt.truncate(name) + (width + delay) <= mark) for name, width in levels]
    return np.asarray(sum(each.to_numpy().astype(np.int8) for each in closed))
