"""Metric back ends, one file each; all speak `core.backends.Backend`.

Each file has a function ``make(section)`` that gives its back end as the configuration describes
it, or None when that says nothing of it. Adding one is a file and a line of `KINDS`. The drivers
of those that no configuration names are not loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from datawatch_lab.core.backends import Backend
from datawatch_lab.core.config.sections import BackendsSection

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "prometheus": "prometheus_remote_write",
        "influx": "influxdb_url",
        "timescale": "timescale_url",
        "clickhouse": "clickhouse_url",
    }
)
"""Modules of this folder, and the setting without which each makes nothing."""


def configured(section: BackendsSection) -> Iterator[Backend]:
    """The back ends that a configuration names, in order of `KINDS`; none connects yet.

    Raises:
        ConfigError: an address or what goes with it cannot be used.
        MissingPackageError: a driver is not installed.
    """
    if not section.enabled:
        return
    for kind, setting in KINDS.items():
        if getattr(section, setting) in (None, False):
            continue
        made: Backend | None = import_module(f"{__name__}.{kind}").make(section)
        if made is not None:
            yield made
