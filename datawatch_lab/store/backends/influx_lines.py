"""What is sent to InfluxDB: points as lines.

Source: https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
import polars as pl

STATES = "datawatch_states"
"""Measurement of the states of minutes."""


def state_lines(states: pl.DataFrame) -> list[str]:
    """Points of states; a part that is null is left out, and so keeps nothing of before."""
    if not states.height:
        return []
    measures = states["measure"].unique().to_list()
    safe = states["measure"].replace_strict(measures, [escaped(each) for each in measures])
    fields = [pl.format("n={}i", "n")]
    for part in ("sum", "min", "max", "last"):
        shown = pl.format(f"{part}={{}}", pl.col(part))
        fields.append(pl.when(pl.col(part).is_not_null()).then(shown))
    at = pl.format("last_at={}i", pl.col("last_at").dt.epoch("us"))
    fields.append(pl.when(pl.col("last_at").is_not_null()).then(at))
    lines = states.with_columns(safe.alias("measure")).select(
        pl.format(
            STATES + ",measure={},series={} {} {}",
            "measure",
            "series",
            pl.concat_str(fields, separator=",", ignore_nulls=True),
            pl.col("minute").dt.epoch("us") * 1_000,
        )
    )
    return lines.to_series().to_list()


def value_lines(values: pl.DataFrame) -> list[str]:
    """Points of values, the measurement and tags written once for all minutes of a series."""
    lines: list[str] = []
    for (metric, labels), rows in values.group_by("metric", "labels", maintain_order=True):
        tags = msgspec.json.decode(str(labels), type=dict[str, str])
        named = [escaped(str(metric))]
        named += [f"{escaped(tag)}={escaped(value)}" for tag, value in tags.items() if value]
        shown = pl.format(
            "{} value={} {}",
            pl.lit(",".join(named)),
            "value",
            pl.col("minute").dt.epoch("us") * 1_000,
        )
        lines += rows.select(shown.alias("line"))["line"].to_list()
    return lines


def escaped(text: str) -> str:
    r"""A measurement, tag or tag value of the line protocol.

    A backslash cannot be written in every place, so it and line ends are written as in addresses.

    >>> escaped("a b,c=d"), escaped("x\\")
    ('a\\ b\\,c\\=d', 'x%5C')
    """
    text = text.replace("%", "%25").replace("\\", "%5C").replace("\n", "%0A").replace("\r", "%0D")
    return re.sub(r"([ ,=])", r"\\\1", text)


def quoted(name: str) -> str:
    """A name within InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nanos(moment: datetime) -> int:
    """A moment as InfluxQL takes it."""
    return int(moment.timestamp()) * 1_000_000_000
