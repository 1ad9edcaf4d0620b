"""What no query may hold, whatever it names; and bounds on functions that make long values."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.store.gate.functions import PATTERNS, TABLE_FUNCTIONS

MAX_MADE = 1_000_000
"""Characters or items that `repeat`, `lpad`, `range` and the like make in one query, multiplied."""

MAX_STEPS = 10_000
"""Items of a list that goes from one time to another."""

_REFUSED: dict[type[exp.Expr], str] = {
    exp.Into: "SELECT INTO makes a table; queries only read",
    exp.Lock: "FOR UPDATE and FOR SHARE lock rows; queries only read",
    exp.HistoricalData: "AT (VERSION …) and AT (TIMESTAMP …) are not kept by this store",
    exp.Insert: "INSERT is not allowed: queries only read",
    exp.Update: "UPDATE is not allowed: queries only read",
    exp.Delete: "DELETE is not allowed: queries only read",
    exp.Create: "CREATE is not allowed: queries only read",
    exp.Drop: "DROP is not allowed: queries only read",
    exp.Command: "that statement is not allowed: queries only read",
    exp.Describe: "DESCRIBE stands alone, not within a query",
    exp.Show: "SHOW stands alone, not within a query",
    exp.Summarize: "SUMMARIZE is not allowed; ask for min, max and count of the columns you want",
}
_WIDE = re.compile(r"\d{4,}|\*|\{[^{}]*\{")


def check(tree: exp.Expr) -> None:
    """Refuse what is no reading query, and bound the rest.

    Changes the tree: a list of times gets a check of its length.

    Raises:
        InputError: says what and why.
    """
    made = 1
    for node in list(tree.walk()):
        refusal = next((why for kind, why in _REFUSED.items() if isinstance(node, kind)), None)
        if refusal is not None:
            raise InputError(f"{refusal}.")
        if isinstance(node, exp.Anonymous) and node.name.casefold() in PATTERNS:
            _check_pattern(node.name, node.expressions[0] if node.expressions else None)
        elif isinstance(node, exp.Format):
            _check_pattern("format", node.this)
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            _check_table_function(node)
        made *= _made(node)
        if made > MAX_MADE:
            raise InputError(
                f"repeat, lpad, rpad, range and generate_series would make {made:,} characters or "
                f"items; most is {MAX_MADE:,} in a query.",
                hint="After FROM, range and generate_series may be as long as you like.",
            )


def _check_table_function(table: exp.Table) -> None:
    inner = table.this
    name = inner.name if isinstance(inner, exp.Anonymous) else _spelled(inner)
    if name.casefold() in TABLE_FUNCTIONS:
        return
    raise InputError(
        f"{name} is not allowed after FROM: queries see no files, no settings and no catalogue.",
        hint=f"Allowed there: {', '.join(sorted(TABLE_FUNCTIONS))}, and tables.",
    )


def _spelled(node: exp.Expr) -> str:
    return node.sql("duckdb").partition("(")[0].lower()


def _check_pattern(name: str, pattern: exp.Expr | None) -> None:
    if isinstance(pattern, exp.Literal) and pattern.is_string:
        if not _WIDE.search(str(pattern.this)):
            return
        raise InputError(f"{name}: fields wider than 999 characters, or of a width given later.")
    raise InputError(f"{name}: its first argument must be a text in quotes.")


def _made(node: exp.Expr) -> int:
    """Characters or items that a function makes of one; 1 for all others."""
    if isinstance(node, exp.Repeat):
        return max(1, _whole("repeat", node.args.get("times")))
    if isinstance(node, exp.Pad):
        name = "lpad" if node.args.get("is_left") else "rpad"
        return max(1, _whole(name, node.args.get("expression")))
    if isinstance(node, exp.GenerateSeries) and not _is_table_function(node):
        return _series(node)
    return 1


def _is_table_function(node: exp.Expr) -> bool:
    return isinstance(node.parent, exp.Table) and node.parent.this is node


def _series(node: exp.GenerateSeries) -> int:
    start, end, step = (node.args.get(each) for each in ("start", "end", "step"))
    if isinstance(step, exp.Interval) and start is not None and end is not None:
        node.set("end", _bounded_end(start, end, step))
        return 1
    name = "range" if node.args.get("is_end_exclusive") else "generate_series"
    first, last, width = (
        _number(name, each, default) for each, default in ((start, 0), (end, 0), (step, 1))
    )
    return max(1, int(abs(last - first) / abs(width)) + 1 if width else 1)


def _bounded_end(start: exp.Expr, end: exp.Expr, step: exp.Expr) -> exp.Expr:
    """The end of a list of times, or an error when the list would be too long."""
    reach = exp.Mul(this=exp.Paren(this=step.copy()), expression=exp.Literal.number(MAX_STEPS))
    ends = [
        kind(this=exp.Paren(this=start.copy()), expression=reach.copy())
        for kind in (exp.Add, exp.Sub)
    ]
    said = f"a list of times has more than {MAX_STEPS} items; put generate_series after FROM"
    return exp.Case(
        ifs=[
            exp.If(
                this=exp.Between(
                    this=exp.Paren(this=end.copy()),
                    low=exp.Least(this=ends[0].copy(), expressions=[ends[1].copy()]),
                    high=exp.Greatest(this=ends[0].copy(), expressions=[ends[1].copy()]),
                ),
                true=end.copy(),
            )
        ],
        default=exp.Anonymous(this="error", expressions=[exp.Literal.string(said)]),
    )


def _whole(name: str, node: exp.Expr | None) -> int:
    return int(abs(_number(name, node, 1)))


def _number(name: str, node: exp.Expr | None, default: int) -> Decimal:
    if node is None:
        return Decimal(default)
    if isinstance(node, exp.Neg):
        return -_number(name, node.this, default)
    if isinstance(node, exp.Literal) and not node.is_string:
        try:
            return Decimal(str(node.this))
        except InvalidOperation:
            pass
    hint = "After FROM it may be anything." if name in TABLE_FUNCTIONS else ""
    raise InputError(f"{name}: its length must be a number that stands in the query.", hint=hint)
