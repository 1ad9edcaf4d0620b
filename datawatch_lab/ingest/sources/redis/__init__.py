"""Redis Streams as a source, read by a consumer group.

What is where: `source` runs it all, as `options` say; `entries` makes batches; `driver` talks to
the server; `doctor` says how it is.
"""

from datawatch_lab.ingest.sources.redis.doctor import doctor
from datawatch_lab.ingest.sources.redis.options import RedisOptions
from datawatch_lab.ingest.sources.redis.source import RedisSource

__all__ = ["RedisOptions", "RedisSource", "doctor"]
