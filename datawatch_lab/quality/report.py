"""What is wrong, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.scores import Count

_ADVICE: Mapping[str, str] = {
    "not_null": "Find the writer that leaves {field} out; make the column NOT NULL if it must be.",
    "not_empty": "Reject empty {field} where it is entered, or store null when it is not known.",
    "positive": "Look at the rows with negative or zero {field}; refunds belong in a column of "
    "their own.",
    "non_negative": "Look at the rows with negative {field}; add a CHECK constraint.",
    "in_range": "Look at the outliers of {field}: a unit or a decimal point may be wrong.",
    "in_set": "Correct the writer of the unknown {field}, or add the values to the rule if they "
    "are new and meant.",
    "not_in_set": "Find where the forbidden {field} comes from.",
    "regex": "Check {field} against its pattern where it is entered.",
    "email_format": "Check {field} where it is entered; messages to these addresses are lost.",
    "uuid_format": "Find the writer that makes {field} by another scheme.",
    "url_format": "Check {field} where it is entered.",
    "length": "Look whether {field} is cut off or padded on its way.",
    "type": "Look at the schema of {field}: values of two types are mixed.",
    "unique": "Find out what writes {field} twice; a UNIQUE constraint stops it.",
    "max_age": "Look whether the source of {table} still sends; see `datawatch status`.",
    "event_freshness": "Look at the lag between {table} and here; see {table}_lag_seconds.",
    "volume": "Compare the number of rows of {table} with what its source has.",
    "referential_integrity": "Rows point to {references} that are not there: look for deletes "
    "without cascade, or a table that is not captured in full.",
    "comparison": "Look at the rows where {expression} is not true.",
    "expression": "Look at the rows where {expression} is not true.",
    "monotonic": "Look for several writers of {field}, or a counter that was reset.",
    "sql": "Look at the rows that the query gives.",
}
_DRIFTS = "Compare {field} with the time before: {table} may have changed at its source."


def advice(rule: Rule) -> str:
    """What to do about a rule that fails, one sentence."""
    text = _ADVICE.get(rule.rule, _DRIFTS)
    return text.format(
        field=", ".join(rule.columns) or "the values",
        table=rule.table,
        references=rule.references,
        expression=rule.expression,
    )


def issue(rule: Rule, count: Count, values: Sequence[str] = ()) -> str:
    """A failing rule in words, with the values that are most often wrong.

    >>> issue(Rule("payments", "in_set", field="status", values=("paid",)), Count(1000, 177),
    ...       ["unknown"])
    'payments.status: 17.7 % invalid values (unknown)'
    """
    share = 100.0 * count.failed / count.rows if count.rows else 0.0
    shown = f"{share:.1f} %" if share >= 0.05 else f"{count.failed:,} of {count.rows:,}"
    where = ".".join(filter(None, (rule.table, ",".join(rule.columns))))
    listed = f" ({', '.join(values)})" if values else ""
    return f"{where}: {shown} {rule.kind.words}{listed}"
