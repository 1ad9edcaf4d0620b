"""Validity of texts: patterns, e-mail addresses, UUIDs, URLs, length and type.

An address is what browsers take (WHATWG HTML, valid e-mail address) with a dot in its domain; a
UUID has the form of RFC 9562; a URL has a scheme of the web and a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from datawatch_lab.core.columns import true_where
from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Bools, Images, matches
from datawatch_lab.quality.ranges import between
from datawatch_lab.quality.verdict import Verdict, good

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+$"
UUID = r"^\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?$"
URL = r"^(?i:https?|wss?|ftp)://[^\s/?#@]+(?:@[^\s/?#]+)?(?:[/?#]\S*)?$"
INTEGER = r"^[+-]?\d+$"
_DATE = r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$"
_JSON = r"^(?:\{(?s:.*)\}|\[(?s:.*)\])$"
_WORDS = ["true", "false", "t", "f"]


def email_format(rule: Rule, images: Images) -> Verdict:
    """An e-mail address."""
    return _matching(rule, images, EMAIL)


def uuid_format(rule: Rule, images: Images) -> Verdict:
    """A UUID, with or without hyphens and braces."""
    return _matching(rule, images, UUID)


def url_format(rule: Rule, images: Images) -> Verdict:
    """A URL of the web."""
    return _matching(rule, images, URL)


def _matching(rule: Rule, images: Images, pattern: str) -> Verdict:
    return good(images.filled(rule.field), matches(images.texts(rule.field), pattern))


def regex(rule: Rule, images: Images) -> Verdict:
    """The whole text matches the pattern, as Python's ``re.fullmatch`` has it.

    Patterns that Arrow's engine (RE2) does not know, such as look-ahead, are matched by Python once
    per distinct text.
    """
    texts, filled = images.texts(rule.field), images.filled(rule.field)
    whole = f"^(?:{rule.pattern})\\z"
    try:
        passes = matches(texts, whole)
    except ValueError:  # Arrow's word for a pattern that RE2 does not know
        passes = _by_python(texts, rule.pattern)
    return good(filled, passes)


def _by_python(texts: pl.Series, pattern: str) -> Bools:
    compiled = re.compile(pattern)
    distinct = texts.unique().drop_nulls()
    kept = [text for text in distinct.to_list() if compiled.fullmatch(text)]
    return true_where(texts.is_in(kept)) if len(texts) else np.zeros(0, dtype=np.bool_)


def length(rule: Rule, images: Images) -> Verdict:
    """As many characters as ``min`` to ``max`` say."""
    sizes = images.texts(rule.field).str.len_chars().fill_null(0).cast(pl.Float64).to_numpy()
    return good(images.filled(rule.field), between(rule, sizes))


def type_(rule: Rule, images: Images) -> Verdict:
    """Values of a type, also when they are written as text: "12" is an integer."""
    return good(images.filled(rule.field), _of_type(rule, images))


def _of_type(rule: Rule, images: Images) -> Bools:
    return _TYPED[rule.type](rule.field, images)


def _is_text(name: str, images: Images) -> Bools:
    return np.full(len(images), images.column(name).dtype == pl.String)


def _is_integer(name: str, images: Images) -> Bools:
    column = images.column(name)
    if column.dtype == pl.String:
        return matches(column.str.strip_chars(), INTEGER)
    values, valid = images.numbers(name)
    return np.asarray(valid & (values == np.floor(values)))


def _is_boolean(name: str, images: Images) -> Bools:
    return true_where(images.texts(name).str.to_lowercase().is_in(_WORDS))


def _is_json(name: str, images: Images) -> Bools:
    """A JSON object or array; of a text, as far as its ends tell."""
    if name in images.frame.json:
        return np.ones(len(images), dtype=np.bool_)
    return matches(images.texts(name).str.strip_chars(), _JSON)


_TYPED: Mapping[str, Callable[[str, Images], Bools]] = {
    "text": _is_text,
    "number": lambda name, images: images.numbers(name)[1],
    "integer": _is_integer,
    "boolean": _is_boolean,
    "json": _is_json,
    "timestamp": lambda name, images: images.moments(name)[1],
    "date": lambda name, images: matches(images.texts(name), _DATE),
    "uuid": lambda name, images: matches(images.texts(name), UUID),
}
