"""PostgreSQL as a source: logical replication with the built-in pgoutput plug-in.

What is where: `source` runs it all, as `options` say; `pgoutput` reads messages, `values` and
`literals` the texts of types, `decode` makes batches of a stream, `snapshot` of tables; `relations`
compares definitions; `publication`, `ddl` and `slots` make what is needed in the database;
`driver`, `session` and `stream` talk to the server; `doctor` and `status` say how it is.
"""

from datawatch_lab.ingest.sources.postgres.doctor import Finding, doctor
from datawatch_lab.ingest.sources.postgres.options import CopyProgress, PostgresOptions
from datawatch_lab.ingest.sources.postgres.publication import remove
from datawatch_lab.ingest.sources.postgres.selection import Selection
from datawatch_lab.ingest.sources.postgres.source import PostgresSource
from datawatch_lab.ingest.sources.postgres.status import SlotStatus, server_stats, slot_status

__all__ = [
    "CopyProgress",
    "Finding",
    "PostgresOptions",
    "PostgresSource",
    "Selection",
    "SlotStatus",
    "doctor",
    "remove",
    "server_stats",
    "slot_status",
]
