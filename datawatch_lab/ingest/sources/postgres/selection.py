"""Which tables and columns are read: include and exclude lists of patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain

from datawatch_lab.ingest.sources.postgres.relations import TableName

SYSTEM_SCHEMAS = ("pg_catalog", "information_schema", "pg_toast")


@dataclass(frozen=True)
class Selection:
    """Patterns with ``*``, ``?`` and ``[…]``, of ``schema.table``; a bare name is of any schema.

    Attributes:
        include: a table must match one; empty: all tables.
        exclude: a table must match none; wins over ``include``.
        columns: by pattern of tables, the columns wanted (patterns too); tables that no pattern
            matches are read whole. Columns of the key are always read.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def table(self, name: TableName) -> bool:
        """Whether a table is read."""
        if name[0] in SYSTEM_SCHEMAS:
            return False
        wanted = not self.include or any(_matches(name, each) for each in self.include)
        return wanted and not any(_matches(name, each) for each in self.exclude)

    def column(self, name: TableName, column: str) -> bool:
        """Whether a column that is not of the key is read."""
        lists = [columns for pattern, columns in self.columns.items() if _matches(name, pattern)]
        return not lists or any(fnmatchcase(column, each) for each in chain.from_iterable(lists))

    @property
    def expressions(self) -> tuple[str, str]:
        """Include and exclude as POSIX regular expressions of ``schema.table``."""
        included = "|".join(map(_expression, self.include)) or ".*"
        return f"^({included})$", f"^({'|'.join(map(_expression, self.exclude))})$"


def _matches(name: TableName, pattern: str) -> bool:
    return fnmatchcase(".".join(name), pattern if "." in pattern else f"*.{pattern}")


def _expression(pattern: str) -> str:
    r"""A pattern as a regular expression that means the same in PostgreSQL.

    >>> _expression("sales.*_2024"), _expression("ord?rs")
    ('sales\\..*_2024', '.*\\.ord.rs')
    """
    whole = pattern if "." in pattern else f"*.{pattern}"
    parts = re.split(r"(\*|\?|\[[^\]]*\])", whole)
    return "".join(_PARTS.get(each, each if each[:1] == "[" else re.escape(each)) for each in parts)


_PARTS = {"*": ".*", "?": "."}
