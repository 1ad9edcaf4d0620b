"""Images of a few rows, value by value: what `images` makes, quicker where columns are short.

A batch over many tables has a few rows of each, and there every array operation costs more than
what it does. Both ways give the same; a property test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import polars as pl

from datawatch_lab.ingest.sources.postgres.types import Kind, PgType
from datawatch_lab.ingest.sources.postgres.values import Rendered, render

MOST_ROWS = 128
"""Up to so many rows this way is the quicker one."""

Texts = Sequence[str | None]
_EXACT_DIGITS = 15  # a number with no more characters comes back from a double as it was


def render_few(texts: Texts, type_: PgType) -> tuple[list[str], Rendered | pl.Series]:
    """Tokens, and the typed column: alone, or as `values.render` has it where that did the work."""
    make = _TOKENS.get(type_.kind)
    if make is None or all(text is None for text in texts):
        whole = render(pl.Series(texts, dtype=pl.String), type_)
        return whole.tokens.to_list(), whole
    return ["null" if text is None else make(text) for text in texts], _column(texts, type_)


def _column(texts: Texts, type_: PgType) -> Rendered | pl.Series:
    match type_.kind:
        case Kind.INTEGER:
            return pl.Series([None if t is None else int(t) for t in texts], dtype=pl.Int64)
        case Kind.BOOLEAN:
            return pl.Series([None if t is None else t == "t" for t in texts], dtype=pl.Boolean)
        case Kind.TIMESTAMP:
            return pl.Series([None if t is None else _iso(t) for t in texts], dtype=pl.String)
        case Kind.NUMBER:
            return _numbers(texts, type_)
        case _:
            return pl.Series(texts, dtype=pl.String)


def _numbers(texts: Texts, type_: PgType) -> Rendered | pl.Series:
    held = [text for text in texts if text is not None]
    plain = all(
        len(t) <= _EXACT_DIGITS and t.lstrip("-").replace(".", "", 1).isdigit() for t in held
    )
    if not plain:
        return render(pl.Series(texts, dtype=pl.String), type_)
    if any("." in text for text in held):
        return pl.Series([None if t is None else float(t) for t in texts], dtype=pl.Float64)
    return pl.Series([None if t is None else int(t) for t in texts], dtype=pl.Int64)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _number(text: str) -> str:
    return f'"{text}"' if "n" in text.lower() else text


def _iso(text: str) -> str:
    with_t = text.replace(" ", "T", 1)
    return f"{with_t[:-3]}Z" if with_t.endswith("+00") else with_t


_TOKENS: Mapping[Kind, Callable[[str], str]] = {
    Kind.INTEGER: lambda text: text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: lambda text: "true" if text == "t" else "false",
    Kind.TEXT: _quoted,
    Kind.PLAIN: lambda text: f'"{text}"',
    Kind.BYTES: lambda text: f'"\\{text}"',
    Kind.TIMESTAMP: lambda text: f'"{_iso(text)}"',
}
"""Kinds that are made here; the others go the way of long columns."""


def join_few(
    tokens: Sequence[Sequence[str]], heads: Sequence[str], absent: Sequence[object]
) -> list[str]:
    """One JSON object a row, from tokens by column, and by column where fields are missing."""
    gone = [None if mask is None else list(mask) for mask in absent]  # type: ignore[call-overload]
    pieces = [
        [None if mask is not None and mask[at] else head + token for at, token in enumerate(column)]
        for column, head, mask in zip(tokens, heads, gone, strict=True)
    ]
    return ["{" + ",".join(filter(None, row)) + "}" for row in zip(*pieces, strict=True)]
