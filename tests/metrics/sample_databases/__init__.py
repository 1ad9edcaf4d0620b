"""Eight well-known sample databases: tables, columns, their right roles, and rows like theirs.

One file each, made from the public description of the schema and judged column by column as an
analyst would, before the classifier was run on any of it. A column is a list: name, declared
type, right role, values, and optionally ``nulls`` (their share), ``sensitive`` and ``note`` (where
analysts could differ). Tables have as many rows as the original, at most 600. The first four by
name are open: rules may be improved on them. The other four are held out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import yaml

from tests.metrics.sample_databases.generators import MAKERS, chosen

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in HERE.glob("*.yaml")))
OPEN, HELD_OUT = NAMES[:4], NAMES[4:]

Spec: TypeAlias = str | list[object] | dict[str, list[object]]


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """A column with the role that an analyst gives it."""

    name: str
    type: str
    role: str
    values: Spec
    nulls: float = 0.0
    sensitive: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A table of a sample database; `key` is the declared primary key."""

    database: str
    name: str
    size: int
    key: tuple[str, ...]
    columns: tuple[SampleColumn, ...]

    def rows(self) -> list[dict[str, object]]:
        """Row images as a change event carries them; the same ones at every call."""
        spare = 1 if self.key == (self.columns[0].name,) else 3
        columns = [_column(self, column, self.size * spare) for column in self.columns]
        names = [column.name for column in self.columns]
        made = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        return list(_unique(made, self.key, self.size))


def _column(table: SampleTable, column: SampleColumn, size: int) -> list[object]:
    rng = random.Random(f"{table.database}.{table.name}.{column.name}")
    made = list(_values(rng, column.values, size))
    if not column.nulls:
        return made
    return [None if rng.random() < column.nulls else value for value in made]


def _values(rng: random.Random, spec: Spec, size: int) -> Iterator[object]:
    """`size` values: a choice for a list, in turn for ``{each: […]}``, else of a kind."""
    if isinstance(spec, list):
        yield from (chosen(rng, spec) for _ in range(size))
    elif isinstance(spec, dict):
        yield from (spec["each"][i % len(spec["each"])] for i in range(size))
    elif spec.split()[0] == "serial":
        start, step = (*map(int, spec.split()[1:]), 1, 1)[:2] if spec != "serial" else (1, 1)
        yield from range(start, start + size * step, step)
    else:
        kind, *args = spec.split()
        yield from (MAKERS[kind](rng, args) for _ in range(size))


def _unique(
    rows: Iterator[dict[str, object]], key: tuple[str, ...], size: int
) -> Iterator[dict[str, object]]:
    """The first `size` rows whose keys differ."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        mark = tuple(row[name] for name in key) or (len(seen),)
        if mark not in seen and len(seen) < size:
            seen.add(mark)
            yield row


@cache
def tables(database: str) -> tuple[SampleTable, ...]:
    """The tables of a sample database.

    Raises:
        FileNotFoundError: There is no file for `database`.
    """
    document = yaml.safe_load((HERE / f"{database}.yaml").read_text(encoding="utf-8"))
    return tuple(
        SampleTable(
            database=database,
            name=name,
            size=table.get("rows", 500),
            key=tuple(table.get("key", ())),
            columns=tuple(
                SampleColumn(*stated[:4], **(stated[4] if stated[4:] else {}))
                for stated in table["columns"]
            ),
        )
        for name, table in document["tables"].items()
    )
