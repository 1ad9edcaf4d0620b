"""Texts of PostgreSQL that hold values in a syntax of their own: arrays and hstore, to JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

_BOUNDS = re.compile(r"^[\[\]0-9:+-]+=(?=\{)")
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|(NULL))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Render = Callable[[Sequence[str]], Sequence[str]]
"""Element texts to JSON tokens, one each."""


def arrays_json(texts: Sequence[str], render: Render, delimiter: str = ",") -> list[str]:
    """Arrays as PostgreSQL writes them to JSON arrays; bounds other than from 1 are dropped.

    >>> arrays_json(['{{1,NULL},{3,4}}', '[0:1]={"5",6}'], lambda elements: elements)
    ['[[1,null],[3,4]]', '[5,6]']
    """
    token = re.compile(
        rf'([{{}}{re.escape(delimiter)}])|"((?:[^"\\]|\\.)*)"|((?:[^{{}}"\\{re.escape(delimiter)}]|\\.)+)',
        re.DOTALL,
    )
    elements: list[str] = []
    shapes: list[list[str | None]] = []  # None stands for the next element
    for text in texts:
        shape: list[str | None] = []
        for mark, quoted, bare in token.findall(_BOUNDS.sub("", text)):
            if mark:
                shape.append({"{": "[", "}": "]"}.get(mark, ","))
            elif bare.upper() == "NULL":
                shape.append("null")
            else:
                shape.append(None)
                elements.append(_ESCAPED.sub(r"\1", bare or quoted))
        shapes.append(shape)
    tokens = iter(render(elements))
    return ["".join(next(tokens) if part is None else part for part in shape) for shape in shapes]


def hstore_json(text: str) -> str:
    """A hstore as a JSON object of strings and nulls.

    >>> hstore_json('"a"=>"1", "b"=>NULL')
    '{"a":"1","b":null}'
    """
    pairs = {
        _ESCAPED.sub(r"\1", key): None if null else _ESCAPED.sub(r"\1", value)
        for key, value, null in _PAIR.findall(text)
    }
    return msgspec.json.encode(pairs).decode()
