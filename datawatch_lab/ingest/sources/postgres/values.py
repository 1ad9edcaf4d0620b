"""Columns of PostgreSQL's texts to JSON tokens and to typed columns, the way JSON would be read.

What the typed columns hold is what `ingest.rows` would read from the images that the tokens make,
so that a row means the same when it is parsed again from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import polars as pl
from msgspec import Raw

from datawatch_lab.ingest.rows import MAX_DEPTH, decode_images, depth
from datawatch_lab.ingest.sources.postgres.literals import arrays_json, hstore_json
from datawatch_lab.ingest.sources.postgres.types import Kind, PgType
from datawatch_lab.ingest.tokens import inexact, token_column

_SPECIAL = r'["\\\x00-\x1f]'
_ESCAPES = {chr(c): msgspec.json.encode(chr(c)).decode()[1:-1] for c in (*range(32), 34, 92)}
_SURROGATE = r"\\u[dD][89a-fA-F]"
_NO_NUMBER = r"[NIi]"  # NaN, Infinity, -Infinity, infinity
_WHOLE = r"^-?[0-9]+$"
_BLANKS = " \t\r\n"
_MUCH = MAX_DEPTH - 8  # an image and the dimensions of an array nest around a value


@dataclass(frozen=True)
class Rendered:
    """A column in both forms, as long as the texts were.

    Attributes:
        tokens: String without nulls: JSON texts, ``null`` for a null.
        values: Int64, Int128, Float64, Boolean or String.
        json: whether some values are objects or arrays, held as JSON text.
    """

    tokens: pl.Series
    values: pl.Series
    json: bool = False


def render(texts: pl.Series, type_: PgType) -> Rendered:
    """Both forms of a column of texts, null where the value is null or was not sent."""
    if texts.null_count() == texts.len():
        return Rendered(pl.repeat("null", texts.len(), dtype=pl.String, eager=True), texts)
    return _RENDERERS[type_.kind](texts, type_)


def quoted(texts: pl.Series) -> pl.Series:
    """Texts as JSON strings, ``null`` for null."""
    if texts.str.contains(_SPECIAL).any():
        texts = texts.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
    return _filled('"' + texts + '"')


def _filled(tokens: pl.Series) -> pl.Series:
    return tokens.fill_null("null") if tokens.null_count() else tokens


def _integers(texts: pl.Series, _: PgType) -> Rendered:
    return Rendered(_filled(texts), texts.cast(pl.Int64))


def _money(texts: pl.Series, type_: PgType) -> Rendered:
    """Amounts without currency sign and commas, which lc_monetary = C has."""
    return _numbers(texts.str.replace_all(r"[^0-9.\-]", ""), type_)


def _booleans(texts: pl.Series, _: PgType) -> Rendered:
    values = texts == "t"
    return Rendered(_filled(values.cast(pl.String)), values)


def _strings(texts: pl.Series, _: PgType) -> Rendered:
    return Rendered(quoted(texts), texts)


def _plain(texts: pl.Series, _: PgType) -> Rendered:
    return Rendered(_filled('"' + texts + '"'), texts)


def _bytes(texts: pl.Series, _: PgType) -> Rendered:
    """Hexadecimal digits behind a backslash and an x."""
    return Rendered(_filled('"\\' + texts + '"'), texts)


def _times(texts: pl.Series, _: PgType) -> Rendered:
    iso = _iso(texts)
    return Rendered(_filled('"' + iso + '"'), iso)


def _numbers(texts: pl.Series, _: PgType) -> Rendered:
    """Numbers with all their digits; NaN and the infinities, which JSON lacks, as strings."""
    odd = texts.str.contains(_NO_NUMBER)
    if odd.any():
        odd = odd.fill_null(value=False)
        tokens = _filled(('"' + texts + '"').zip_with(odd, texts))
        return Rendered(tokens, _read_again(tokens))
    return Rendered(_filled(texts), _typed(texts))


def _read_again(tokens: pl.Series) -> pl.Series:
    """Tokens as `ingest.rows` reads them: how numbers beside texts look is for it to say."""
    images = decode_images([f'{{"v":{token}}}'.encode() for token in tokens])
    return images.columns["v"].alias(tokens.name)


def _typed(texts: pl.Series) -> pl.Series:
    """As `ingest.tokens` types number tokens."""
    if not texts.str.contains(_WHOLE).all():
        return texts if inexact(texts) else texts.cast(pl.Float64)
    for whole in (pl.Int64, pl.Int128):
        numbers = texts.cast(whole, strict=False)
        if numbers.null_count() == texts.null_count():
            return numbers
    return texts


def _iso(texts: pl.Series) -> pl.Series:
    """Times with ``T`` and, where there is a zone (always UTC), ``Z``; infinities as they are."""
    with_t = texts.str.replace(" ", "T", literal=True)
    zoned = texts.str.ends_with("+00")
    if not zoned.any():
        return with_t
    utc = with_t.str.strip_suffix("+00") + "Z"
    return utc if zoned.all() else utc.zip_with(zoned.fill_null(value=False), with_t)


def _documents(texts: pl.Series, _: PgType) -> Rendered:
    """JSON as it is; what this program could not read again as a string that holds it."""
    texts = texts.str.strip_chars(_BLANKS)
    refused = _refused(texts)
    if not refused.any() and texts.str.contains(r"^[\[{]").all():
        return Rendered(_filled(texts), texts, json=True)
    tokens = _filled(quoted(texts).zip_with(refused, texts) if refused.any() else texts)
    column = token_column(texts.name, [Raw(token.encode()) for token in tokens])
    return Rendered(tokens, column.values, column.json)


def _refused(texts: pl.Series) -> pl.Series:
    """Where JSON is nested too deep, or has half a surrogate pair."""
    deep = texts.str.count_matches(r"[\[{]") > _MUCH
    doubtful = (deep | texts.str.contains(_SURROGATE)).fill_null(value=False)
    if not doubtful.any():
        return doubtful
    held = {text: not _readable(text) for text in texts.filter(doubtful).unique()}
    return pl.Series([held.get(text, False) for text in texts], dtype=pl.Boolean)


def _readable(text: str) -> bool:
    if depth(text.encode()) > _MUCH:
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _arrays(texts: pl.Series, type_: PgType) -> Rendered:
    element = type_.element or PgType("text", Kind.TEXT)

    def tokens(elements: Sequence[str]) -> list[str]:
        return render(pl.Series(elements, dtype=pl.String), element).tokens.to_list()

    return _by_distinct(texts, arrays_json(_distinct(texts), tokens, type_.delimiter))


def _hstores(texts: pl.Series, _: PgType) -> Rendered:
    return _by_distinct(texts, [hstore_json(text) for text in _distinct(texts)])


def _distinct(texts: pl.Series) -> list[str]:
    return texts.drop_nulls().unique(maintain_order=True).to_list()


def _by_distinct(texts: pl.Series, made: list[str]) -> Rendered:
    """A column of JSON from what the distinct texts became."""
    values = texts.replace_strict(_distinct(texts), made, default=None, return_dtype=pl.String)
    return Rendered(_filled(values), values, json=True)


_RENDERERS: Mapping[Kind, Callable[[pl.Series, PgType], Rendered]] = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _numbers,
    Kind.MONEY: _money,
    Kind.BOOLEAN: _booleans,
    Kind.TEXT: _strings,
    Kind.PLAIN: _plain,
    Kind.BYTES: _bytes,
    Kind.TIMESTAMP: _times,
    Kind.JSON: _documents,
    Kind.ARRAY: _arrays,
    Kind.HSTORE: _hstores,
}
