"""What a workspace has: what a document names is looked for there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec


class Known(msgspec.Struct, frozen=True):
    """What a workspace has, for pointing at what is not there.

    Attributes:
        metrics: labels by metric.
        tables: their names.
        named_in: gives the values that SQL names as ``$name``; () for what is no SQL.
    """

    metrics: Mapping[str, tuple[str, ...]] = {}
    tables: tuple[str, ...] = ()
    named_in: Callable[[str], Iterable[str]] = lambda _: ()
