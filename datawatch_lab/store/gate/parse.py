"""From the text of a user to the tree of exactly one query."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError

from datawatch_lab.core.errors import InputError

MAX_TOKENS = 5_000
"""Words and signs of a query: parsing that many takes a quarter of a second."""

MAX_DEPTH = 60
"""Brackets, CASEs and SELECTs within one another."""

_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END)
_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Pivot)
_ASK = "Here one query is run: SELECT, FROM, WITH, VALUES or PIVOT; also SHOW TABLES and DESCRIBE."
_WORDS = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.Create: "CREATE",
    exp.Drop: "DROP",
    exp.Alter: "ALTER",
    exp.TruncateTable: "TRUNCATE",
    exp.Copy: "COPY",
    exp.Attach: "ATTACH",
    exp.Detach: "DETACH",
    exp.Install: "INSTALL",
    exp.Set: "SET",
    exp.Pragma: "PRAGMA",
    exp.Transaction: "BEGIN",
    exp.Commit: "COMMIT",
    exp.Rollback: "ROLLBACK",
    exp.Use: "USE",
    exp.Summarize: "SUMMARIZE",
}


def parse(text: str) -> exp.Expr:
    """The tree of the one statement in a text: a query, SHOW or DESCRIBE.

    Raises:
        InputError: it is no SQL, more than one statement, or none that only reads; says which.
    """
    tokens = _tokens(text)
    _check_size(tokens)
    with _quietly():
        try:
            trees = sqlglot.Dialect.get_or_raise("duckdb").parser().parse(tokens, text)
        except ParseError as error:
            raise _unreadable(error) from None
        except RecursionError:
            raise _too_deep() from None
    found = [tree for tree in trees if tree and not isinstance(tree, exp.Semicolon)]
    if not found:
        raise InputError("the query is empty.", hint=_ASK)
    if len(found) > 1:
        raise InputError(
            f"the query has {len(found)} statements; one is run at a time.",
            hint="Leave out all but one, and everything after its semicolon.",
        )
    (tree,) = found
    if isinstance(tree, (*_QUERIES, exp.Describe, exp.Show)):
        return tree
    raise InputError(f"{_word(tree, text)} is not allowed: queries only read.", hint=_ASK)


def generate(tree: exp.Expr) -> str:
    """The tree as text of DuckDB, every name quoted.

    Raises:
        InputError: it holds something that DuckDB has no words for.
    """
    with _quietly():
        try:
            return tree.sql("duckdb", identify=True, unsupported_level=ErrorLevel.RAISE)
        except (SqlglotError, ValueError) as error:
            raise InputError(f"the query cannot be run: {error}") from None
        except RecursionError:
            raise _too_deep() from None


def _tokens(text: str) -> list[Token]:
    if "\0" in text:
        raise InputError("the query holds a NUL character, which no SQL can.")
    if len(text) > MAX_TOKENS * 20:
        raise InputError(f"the query has {len(text):,} characters; most is {MAX_TOKENS * 20:,}.")
    try:
        return sqlglot.tokenize(text, read="duckdb")
    except SqlglotError as error:
        reason = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise InputError(f"the query cannot be read: {reason}.") from None


def _check_size(tokens: list[Token]) -> None:
    if len(tokens) > MAX_TOKENS:
        raise InputError(f"the query has {len(tokens):,} words and signs; most is {MAX_TOKENS:,}.")
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                raise _too_deep()
        elif token.token_type in _CLOSING:
            depth -= 1


def _too_deep() -> InputError:
    return InputError(
        f"the query is nested more than {MAX_DEPTH} levels deep.",
        hint="Give its parts names with WITH.",
    )


def _unreadable(error: ParseError) -> InputError:
    first = error.errors[0] if error.errors else {}
    line, column = first.get("line"), first.get("col")
    near = str(first.get("highlight") or "").strip()
    place = f" at line {line}, column {column}" if line else ""
    word = f", near {near[:40]!r}" if near else ""
    reason = str(first.get("description") or error).splitlines()[0].rstrip(".")
    return InputError(
        f"the query cannot be read{place}{word}: {reason}.",
        hint="It is read as SQL of DuckDB.",
        details={"line": line, "column": column},
    )


def _word(tree: exp.Expr, text: str) -> str:
    if isinstance(tree, exp.Command):
        return str(tree.this).upper()
    known = next((word for kind, word in _WORDS.items() if isinstance(tree, kind)), None)
    return known or repr(text.strip().split(maxsplit=1)[0][:40])


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep sqlglot's remarks on what it cannot parse off the terminal; we say it ourselves."""
    log = logging.getLogger("sqlglot")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
