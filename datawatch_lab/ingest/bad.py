"""What is no event, as rows for the quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import pyarrow as pa

from datawatch_lab.core.batches import BAD_SCHEMA
from datawatch_lab.core.columns import no_rows
from datawatch_lab.ingest.assemble import Events
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.identity import IdFactory, bad_id
from datawatch_lab.ingest.reading import Reading

_NONE = no_rows(BAD_SCHEMA)
_Fault = tuple[int, str, TableKey]


def bad_table(
    reading: Reading, events: Events, misfits: Mapping[int, str], id_factory: IdFactory | None
) -> pa.Table:
    """Everything malformed, in input order, as `BAD_SCHEMA`.

    One row an item: what a transaction of many changes holds is kept once, whatever fails of it.
    """
    faults = _all_faults(reading, events, misfits)
    if not faults:
        return _NONE
    faults.sort(key=lambda fault: (reading.offsets[fault[0]], reading.lines[fault[0]], fault[0]))
    rows = [_row(reading, fault, id_factory) for fault in _by_item(faults)]
    return pa.Table.from_pylist(rows, schema=BAD_SCHEMA)


def _all_faults(reading: Reading, events: Events, misfits: Mapping[int, str]) -> list[_Fault]:
    faults = [(f.place, f.reason, (f.schema, f.table)) for f in reading.faults]
    faults += [
        (reading.places[at], reason, events.named[at]) for at, reason in events.faults.items()
    ]
    for at, reason in misfits.items():
        key = events.table["schema"][at].as_py(), events.table["table"][at].as_py()
        faults.append((int(events.places[at]), reason, key))
    return faults


def _by_item(faults: list[_Fault]) -> Iterator[_Fault]:
    """The first fault of each item, with how many more there are."""
    for place, group in groupby(faults, key=lambda fault: fault[0]):
        (_, reason, key), *more = group
        also = f" ({len(more):,} more of its changes are malformed)" if more else ""
        yield place, reason + also, key


def _row(reading: Reading, fault: _Fault, id_factory: IdFactory | None) -> dict[str, object]:
    place, reason, (schema, table) = fault
    raw, offset = reading.items[place].strip(), reading.offsets[place]
    return {
        "line": reading.lines[place],
        "offset": offset,
        "schema": schema,
        "table": table,
        "event_id": f"bad:{id_factory()}" if id_factory else bad_id(raw, offset),
        "reason": reason,
        "raw": raw,
    }
