"""CPU time, peak memory and sizes of files, of this process and of others."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
CORES = 2
"""Figures are those of a machine with two cores; a larger one lends two."""


class Meter:
    """Seconds and CPU seconds of a ``with`` block; those of children that ended in it count."""

    def __enter__(self) -> Self:
        self._cpu = _cpu_seconds()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self.cpu_seconds = _cpu_seconds() - self._cpu


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_bytes(pid: int | None = None) -> int | None:
    """Peak resident memory of a process, by default this one; None where it cannot be had.

    ``ru_maxrss`` would count the memory of the parent before the program started.
    """
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        words = (line.split() for line in status.read_text().splitlines())
        return next((int(each[1]) * 1024 for each in words if each[0] == "VmHWM:"), None)
    if pid is not None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_of(pid: int) -> float | None:
    """CPU seconds that another process has used; None where it cannot be had."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def workspace_bytes(path: Path) -> int:
    """Bytes of a workspace file and its write-ahead log."""
    return sum(
        each.stat().st_size for each in path.parent.glob(f"{path.name}*") if each.suffix != ".token"
    )


def keep_to_cores() -> None:
    """Keep this process and its children to `CORES` cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
