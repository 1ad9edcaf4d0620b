"""Timing functions and blocks: duration, CPU time, memory growth, outcome, type of the exception.

One row of ``datawatch.performance`` a call:

============= ===================================================================================
service_id    of the client
operation     the name given, else module and qualified name of the function
duration_ms   wall time; of an async function from the first step to the last, its waits included
cpu_ms        CPU time of the thread; of an async function only that of its own steps
resource_mb   growth of memory in MB, negative when it shrank: of the process' resident memory,
              which other threads change too and which grows in pages; where ``tracemalloc`` is on,
              of what Python allocated
success       false when an exception left it
error_type    the class of that exception; asyncio.CancelledError counts as one
============= ===================================================================================

``tracemalloc`` is exact and makes Python several times slower, so it is used only when it runs
already; reading the resident memory costs 2 µs on Linux, about 10 elsewhere.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from datawatch_lab.client.events import SCHEMA, fresh_id

log = logging.getLogger("datawatch_lab.client")

Function = TypeVar("Function", bound=Callable[..., Any])

_MEGABYTE = 1_048_576
_encode = msgspec.json.Encoder().encode


class _After(msgspec.Struct, omit_defaults=True):
    """A row of ``datawatch.performance``."""

    service_id: str
    operation: str
    duration_ms: float
    cpu_ms: float
    resource_mb: float
    success: bool
    error_type: str | None = None


class _Event(msgspec.Struct):
    """The event that inserts it."""

    id: str
    type: str
    schema: str
    table: str
    timestamp: int
    after: _After


class _Memory:
    """Memory in use, in bytes."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._statm: int | None = None
        self.reopen()

    def reopen(self) -> None:
        """Read this process' memory; a file opened before a fork tells of the parent."""
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = None

    def __call__(self) -> int:
        if tracemalloc.is_tracing():
            return tracemalloc.get_traced_memory()[0]
        if self._statm is not None:
            try:
                return int(os.pread(self._statm, 64, 0).split(None, 2)[1]) * self._page
            except OSError:  # a daemon closes files that it does not know
                self._statm = None
        import psutil

        return int(psutil.Process().memory_info().rss)


memory = _Memory()
os.register_at_fork(after_in_child=memory.reopen)


class _Span:
    """One call that is going on."""

    __slots__ = ("cpu", "memory", "started")

    def __init__(self) -> None:
        self.memory = memory()
        self.cpu = time.thread_time_ns()
        self.started = time.perf_counter_ns()


class Tracked:
    """What `track` gives: a decorator, and a context manager that may be used again and nested.

    Args:
        put: takes the event.
        name: of the operation; of a function its own name when None.
        service: of the rows, or what tells it at the end of a call.
    """

    def __init__(
        self,
        put: Callable[[bytes], None],
        name: str | None,
        service: str | Callable[[], str],
    ) -> None:
        self._put = put
        self._name = name
        self._service = service
        self._is_told = False
        self._open: ContextVar[tuple[_Span, ...]] = ContextVar("datawatch_spans", default=())

    def __call__(self, function: Function) -> Function:
        """Wrap a function, sync or async; a generator is timed while it is made, not while read."""
        name = self._name or f"{function.__module__}.{function.__qualname__}"
        wrap = self._wrap_async if inspect.iscoroutinefunction(function) else self._wrap
        return functools.wraps(function)(wrap(function, name))  # type: ignore[return-value]

    def __enter__(self) -> Self:
        self._open.set((*self._open.get(), _Span()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        *outer, span = self._open.get()
        self._open.set(tuple(outer))
        self._end(span, time.thread_time_ns() - span.cpu, self._name or "block", kind)

    def _wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            span = _Span()
            kind = None
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                kind = type(error)
                raise
            finally:
                self._end(span, time.thread_time_ns() - span.cpu, name, kind)

        return timed

    def _wrap_async(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        async def timed(*args: Any, **kwargs: Any) -> Any:
            span = _Span()
            kind = None
            steps = _Steps(function(*args, **kwargs))
            try:
                return await steps
            except BaseException as error:
                kind = type(error)
                raise
            finally:
                self._end(span, steps.cpu, name, kind)

        return timed

    def _end(self, span: _Span, cpu: int, name: str, kind: type[BaseException] | None) -> None:
        """Record a call; a fault of it is never one of the program that is timed."""
        try:
            self._record(span, cpu, name, kind)
        except Exception as error:  # noqa: BLE001 — a closed client, an address that is none, …
            if not self._is_told:
                self._is_told = True
                log.warning("calls of %s are not recorded: %s", name, error)

    def _record(self, span: _Span, cpu: int, name: str, kind: type[BaseException] | None) -> None:
        duration = time.perf_counter_ns() - span.started
        service = self._service
        after = _After(
            service if isinstance(service, str) else service(),
            name,
            duration / 1e6,
            cpu / 1e6,
            (memory() - span.memory) / _MEGABYTE,
            kind is None,
            None if kind is None else kind.__name__,
        )
        now = time.time_ns() // 1_000
        self._put(_encode(_Event(fresh_id(), "INSERT", SCHEMA, "performance", now, after)))


class _Steps:
    """Runs a coroutine and adds up the CPU time of its steps, not of what runs between them.

    Attributes:
        cpu: ns so far.
    """

    def __init__(self, running: Coroutine[Any, Any, Any]) -> None:
        self._running = running
        self.cpu = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        """Hand on what the coroutine waits for, and what comes back."""
        step: Callable[[Any], Any] = self._running.send
        given: Any = None
        while True:
            began = time.thread_time_ns()
            try:
                wanted = step(given)
            except StopIteration as ended:
                return ended.value
            finally:
                self.cpu += time.thread_time_ns() - began
            try:
                given = yield wanted
                step = self._running.send
            except GeneratorExit:
                self._running.close()
                raise
            except BaseException as error:  # noqa: BLE001 — the coroutine decides
                given, step = error, self._running.throw
