"""Row images of one table, as JSON text and as typed columns, made column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.ingest.sources.postgres.small import MOST_ROWS, join_few, render_few
from datawatch_lab.ingest.sources.postgres.types import PgType
from datawatch_lab.ingest.sources.postgres.values import Rendered, render


@dataclass(frozen=True)
class Column:
    """A column of several images as it was sent.

    Attributes:
        texts: String, or a list where rows are few; null where the value is null or was not sent.
        absent: Boolean, where it was not sent; None when it always was.
    """

    name: str
    type: PgType
    texts: pl.Series | Sequence[str | None]
    absent: pl.Series | None = None


@dataclass(frozen=True)
class Images:
    """Images of some rows.

    Attributes:
        texts: String, JSON objects.
        columns, absent, json: as in `core.batches.RowFrame`.
    """

    texts: pl.Series
    columns: pl.DataFrame
    absent: Mapping[str, pl.Series]
    json: frozenset[str]

    def frame(self, rows: np.ndarray) -> RowFrame:
        """The typed columns for images whose events have these positions."""
        if not self.columns.width:
            return RowFrame.empty()
        return RowFrame(rows.astype(np.int64), self.columns, self.absent, self.json)


NO_IMAGES = Images(pl.Series(dtype=pl.String), pl.DataFrame(), {}, frozenset())


def make_images(columns: Sequence[Column], height: int) -> Images:
    """Images out of columns of ``height`` rows; columns that no row has are left out."""
    held = [c for c in columns if c.absent is None or not c.absent.all()]
    if held and height <= MOST_ROWS:
        return _few(held)
    made = {c.name: render(pl.Series(c.texts, dtype=pl.String), c.type) for c in held}
    absent = {c.name: c.absent for c in held if c.absent is not None and c.absent.any()}
    return Images(
        texts=_texts(made, absent, height),
        columns=pl.DataFrame({name: each.values.alias(name) for name, each in made.items()}),
        absent=absent,
        json=frozenset(name for name, each in made.items() if each.json),
    )


def _few(held: Sequence[Column]) -> Images:
    made = [render_few(list(c.texts), c.type) for c in held]
    values = [v.values if isinstance(v, Rendered) else v for _, v in made]
    heads = [f"{msgspec.json.encode(c.name).decode()}:" for c in held]
    texts = join_few([tokens for tokens, _ in made], heads, [c.absent for c in held])
    return Images(
        texts=pl.Series(texts, dtype=pl.String),
        columns=pl.DataFrame({c.name: each for c, each in zip(held, values, strict=True)}),
        absent={c.name: c.absent for c in held if c.absent is not None and c.absent.any()},
        json=frozenset(
            c.name
            for c, (_, v) in zip(held, made, strict=True)
            if isinstance(v, Rendered) and v.json
        ),
    )


def _texts(made: Mapping[str, Rendered], absent: Mapping[str, pl.Series], height: int) -> pl.Series:
    """One JSON object a row."""
    if not made:
        return pl.repeat("{}", height, dtype=pl.String, eager=True)
    frame = pl.DataFrame([each.tokens.alias(f"t{at}") for at, each in enumerate(made.values())])
    heads = [f",{msgspec.json.encode(name).decode()}:" for name in made]
    if not absent:
        heads[0] = heads[0].replace(",", "{", 1)
        parts = [part for at, head in enumerate(heads) for part in (pl.lit(head), f"t{at}")]
        return frame.select(pl.concat_str(*parts, pl.lit("}")).alias("image"))["image"]
    pieces = []
    for at, (name, head) in enumerate(zip(made, heads, strict=True)):
        piece = pl.concat_str(pl.lit(head), f"t{at}")
        if name in absent:
            piece = pl.when(pl.lit(absent[name])).then(pl.lit("")).otherwise(piece)
        pieces.append(piece)
    inside = pl.concat_str(*pieces).str.strip_prefix(",")
    return frame.select(pl.concat_str(pl.lit("{"), inside, pl.lit("}")).alias("image"))["image"]
