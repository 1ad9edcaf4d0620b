"""Kafka as a source: topics of change events.

What is where: `source` runs it all, as `options` say; `messages` makes batches; `driver` talks to
the cluster; `doctor` says how it is.
"""

from datawatch_lab.ingest.sources.kafka.doctor import doctor
from datawatch_lab.ingest.sources.kafka.options import KafkaOptions
from datawatch_lab.ingest.sources.kafka.source import KafkaSource

__all__ = ["KafkaOptions", "KafkaSource", "doctor"]
