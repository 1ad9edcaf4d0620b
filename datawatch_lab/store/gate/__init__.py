"""SQL of users: parsed, checked against what is allowed, rewritten, run where it can do no harm.

In order: `parse` (one query, no more), `check` (nothing that writes or reaches out), `expand`
(names become views; sensitive values are masked; metrics become tables), `verify` (DuckDB's own
parser agrees), `fetch` (streamed, bounded, interrupted when it takes too long). docs/sql.md says
what users may expect.
"""

from datawatch_lab.store.gate.gate import Gate
from datawatch_lab.store.gate.values import (
    MASK,
    MAX_ROWS,
    MetricStates,
    Parameter,
    SqlAnswer,
    Workspace,
)

__all__ = ["MASK", "MAX_ROWS", "Gate", "MetricStates", "Parameter", "SqlAnswer", "Workspace"]
