"""Metrics that users defined: how they are kept and read back."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import pyarrow as pa

from datawatch_lab.core.values import Coverage, CustomMetric, Formula, MeasureDef
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import append

Defined = tuple[CustomMetric, Coverage]


def save_custom(con: duckdb.DuckDBPyConnection, measures: Sequence[MeasureDef]) -> None:
    """Store definition and coverage of the custom ones among new or changed measures."""
    mine = [each for each in measures if each.custom is not None]
    if not mine:
        return
    drop_custom(con, [each.id for each in mine])
    rows = {
        "measure_id": pa.array([each.id for each in mine], pa.int32()),
        "definition": [msgspec.json.encode(each.custom).decode() for each in mine],
        "coverage": [msgspec.json.encode(each.coverage).decode() for each in mine],
    }
    append(con, "meta.custom_metrics", pa.table(rows))


def drop_custom(con: duckdb.DuckDBPyConnection, measures: Sequence[int]) -> None:
    """Forget the definitions of measures that are gone."""
    con.execute(
        "DELETE FROM meta.custom_metrics WHERE measure_id IN (SELECT unnest(?::INTEGER[]))",
        [list(measures)],
    )


def load_custom(con: duckdb.DuckDBPyConnection) -> dict[int, Defined]:
    """Definition and coverage by measure id."""
    rows = con.execute("SELECT measure_id, definition, coverage FROM meta.custom_metrics")
    return {
        int(measure): (
            msgspec.json.decode(definition, type=CustomMetric),
            msgspec.json.decode(coverage, type=Coverage),
        )
        for measure, definition, coverage in rows.fetchall()
    }


def put_formula(con: duckdb.DuckDBPyConnection, formula: Formula) -> None:
    """Store a formula, in place of one of the same name."""
    drop_formula(con, formula.name)
    con.execute(
        "INSERT INTO meta.formulas VALUES (?, ?)",
        [formula.name, msgspec.json.encode(formula).decode()],
    )


def drop_formula(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Forget a formula; harmless when there is none."""
    con.execute("DELETE FROM meta.formulas WHERE name = ?", [name])


def load_formulas(con: duckdb.DuckDBPyConnection) -> list[Formula]:
    """All formulas in order of name."""
    rows = con.execute("SELECT definition FROM meta.formulas ORDER BY name").fetchall()
    return [msgspec.json.decode(definition, type=Formula) for (definition,) in rows]


class DefinitionStore(Part):
    """What users defined; any thread may ask and write."""

    def formulas(self) -> list[Formula]:
        """Formulas that users defined, in order of name."""
        with self.reading() as con:
            return load_formulas(con)

    def put_formula(self, formula: Formula) -> None:
        """Store a formula, in place of one of the same name."""
        with self.writing() as con:
            put_formula(con, formula)

    def drop_formula(self, name: str) -> None:
        """Forget a formula; harmless when there is none."""
        with self.writing() as con:
            drop_formula(con, name)
