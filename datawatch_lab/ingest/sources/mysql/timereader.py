"""A fault of the log's reader: the fraction of a negative time goes the wrong way.

-00:00:01.25 is stored as whole seconds towards minus infinity and what is above them, -2 and 0.75;
mysql-replication 1.0 takes the 0.75 off once more than it should. A version without the fault is
told by what it makes of those bytes.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from datawatch_lab.ingest.sources.mysql.driver import binlog

_SECOND = timedelta(seconds=1)
_STORED = {3: 0x7FFFFE, 1: -25}
"""By their number of bytes, the whole seconds of -00:00:01.25 and the hundredths."""


def corrected(value: timedelta) -> timedelta:
    """A negative time with a fraction as it is stored, from what the reader made of it.

    >>> corrected(timedelta(seconds=-1.75)) == timedelta(seconds=-1.25)
    True
    """
    whole = -value // _SECOND * _SECOND
    return -value - 2 * whole - _SECOND


@cache
def misreads() -> bool:
    """Whether the version that is installed has the fault."""
    rows: Any = binlog().row_event.RowsEvent
    event = object.__new__(rows)
    event.packet = SimpleNamespace(read_int_be_by_size=_STORED.__getitem__)
    try:
        read: timedelta = event._RowsEvent__read_time2(SimpleNamespace(fsp=2))
    except (AttributeError, LookupError):  # it reads in another way
        return False
    return read == timedelta(seconds=-1.75)
