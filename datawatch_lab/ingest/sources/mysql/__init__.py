"""MySQL and MariaDB as a source: row events of the binary log.

What is where: `source` runs it all, as `options` say; `stream` reads the log ahead, `reading` makes
batches of it by `decode`, `layout` and `types`; `ddl` reads statements; `snapshot` copies tables;
`catalogue`, `session` and `driver` talk to the server; `doctor` says how it is.
"""

from datawatch_lab.ingest.sources.mysql.doctor import doctor
from datawatch_lab.ingest.sources.mysql.options import MysqlOptions
from datawatch_lab.ingest.sources.mysql.source import MysqlSource

__all__ = ["MysqlOptions", "MysqlSource", "doctor"]
