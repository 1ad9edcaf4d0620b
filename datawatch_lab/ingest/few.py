"""Row images of a small batch, such as one HTTP post, without the fixed cost of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw

from datawatch_lab.ingest.alike import Decoded
from datawatch_lab.ingest.tokens import frame_of

_DECODE = msgspec.json.Decoder(dict[str, Raw]).decode
_TEXT = msgspec.json.Decoder(str).decode
_SURELY_EXACT = 15
_INT64 = 2**63
_WORDS = {b"true": True, b"false": False}
_FAULTS = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_POINT_OR_POWER = frozenset(b".eE")


def columns_of_few(images: Sequence[bytes]) -> Decoded | None:
    """The columns of a few images of scalars; what `ingest.rows.decode_mixed` gives for them.

    None where a column has values of several kinds, an object or array, or a number that must be
    looked at closely, and where an image is not as it should be.
    """
    try:
        rows = [_DECODE(image) for image in images]
        names = dict.fromkeys(name for row in rows for name in row)
        made: dict[str, pl.Series] = {}
        absent: dict[str, pl.Series] = {}
        for name in names:
            column = _column([row.get(name) for row in rows])
            if column is None or "\0" in name:
                return None
            made[name] = column
            missing = [name not in row for row in rows]
            if True in missing:
                absent[name] = pl.Series(name, missing, dtype=pl.Boolean)
    except _FAULTS:
        return None
    return (frame_of(made), absent) if made else None


def _column(raws: Sequence[Raw | None]) -> pl.Series | None:
    tokens = [None if raw is None else bytes(raw) for raw in raws]
    kinds = {_KINDS.get(token[0], _nested) for token in tokens if token not in (None, b"null")}
    if len(kinds) > 1:
        return None
    kind = kinds.pop() if kinds else _text
    return kind([None if token == b"null" else token for token in tokens])


def _text(tokens: Sequence[bytes | None]) -> pl.Series:
    texts = [
        None if token is None
        else _TEXT(token) if b"\\" in token
        else token[1:-1].decode()
        for token in tokens
    ]  # fmt: skip
    return pl.Series(texts, dtype=pl.String)


def _number(tokens: Sequence[bytes | None]) -> pl.Series | None:
    given = [token for token in tokens if token is not None]
    if all(_POINT_OR_POWER.isdisjoint(token) for token in given):
        wholes = [None if token is None else int(token) for token in tokens if _short(token)]
        fit = len(wholes) == len(tokens) and all(-_INT64 <= n < _INT64 for n in wholes if n)
        return pl.Series(wholes, dtype=pl.Int64) if fit else None
    if any(len(token) > _SURELY_EXACT or b"e" in token.lower() for token in given):
        return None
    return pl.Series([None if t is None else float(t) for t in tokens], dtype=pl.Float64)


def _short(token: bytes | None) -> bool:
    return token is None or len(token) <= 2 * _SURELY_EXACT


def _boolean(tokens: Sequence[bytes | None]) -> pl.Series:
    return pl.Series([None if t is None else _WORDS[t] for t in tokens], dtype=pl.Boolean)


def _nested(tokens: Sequence[bytes | None]) -> None:
    del tokens


_KINDS: dict[int, Callable[[Sequence[bytes | None]], Any]] = {
    ord('"'): _text,
    ord("t"): _boolean,
    ord("f"): _boolean,
    **dict.fromkeys(b"-0123456789", _number),
}
