"""Handlers: parse, call, serialise. What they share is one frozen value, made by `routes`."""

from __future__ import annotations

import gzip
import logging
import re
import uuid
from asyncio import Future
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from datawatch_lab.api import cors, paging
from datawatch_lab.api.auth import SAFE_METHODS, Gate, address_of
from datawatch_lab.api.bodies import Bodies
from datawatch_lab.api.envelope import HttpError, envelope, headers_of
from datawatch_lab.api.forms import ARROW, asked_for, written
from datawatch_lab.api.requests import read_ask
from datawatch_lab.api.running import Running
from datawatch_lab.api.times import RequestTimes
from datawatch_lab.core.errors import BusyError, DataWatchError, InputError
from datawatch_lab.core.who import Who, acting
from datawatch_lab.service.access.door import check_role
from datawatch_lab.service.access.webhook import SIGNATURE, TIMESTAMP, Webhook
from datawatch_lab.service.answers import EventsAnswer, HealthAnswer
from datawatch_lab.service.callers import Caller
from datawatch_lab.service.operation import NO_CONTENT, Operation, Role

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_GZIP_FROM_BYTES = 1_024
_GZIP_LEVEL = 5
_DROPPED_LIMITS = 16
_DIGITS = 20
_WITH_BODY = ("POST", "PUT", "PATCH")

STRANGER = Who("", "viewer", "stranger")
"""Who asks before anybody signed in."""


@dataclass(frozen=True)
class Shared:
    """What all handlers of one server share.

    Attributes:
        caller: carries operations out.
        gate: tells who asks, and what they may do.
        readers, writers, intake: threads for operations; apart, so that waiting writes block no
            reader, and what takes long to work out no events.
        max_bytes: of a request's body.
        bodies: those that are held, over all connections.
        paths: all paths, for "did you mean".
        times: how long requests took, for the exposition.
        running: requests that are being carried out.
    """

    caller: Caller
    gate: Gate
    readers: ThreadPoolExecutor
    writers: ThreadPoolExecutor
    intake: ThreadPoolExecutor
    max_bytes: int
    bodies: Bodies
    paths: tuple[str, ...]
    times: RequestTimes = field(default_factory=RequestTimes)
    running: Running = field(default_factory=Running)


class ApiHandler(RequestHandler):
    """Signs in, answers errors with the envelope, logs one line without secrets."""

    @cached_property
    def request_id(self) -> str:
        """The name of this request in answers and in the log; a client may choose it."""
        given = self.request.headers.get("X-Request-ID", "")
        return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:16]

    def initialize(self, shared: Shared) -> None:
        """Take what all handlers share."""
        self.shared = shared
        self.who = STRANGER
        cors.allow(self, shared.gate.origins)

    def set_default_headers(self) -> None:
        """Name the request, and nothing about the server; tornado calls this again on an error."""
        self.clear_header("Server")
        self.set_header("X-Request-ID", self.request_id)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Content-Type", "application/json; charset=UTF-8")

    @property
    def user(self) -> str:
        """The name of who asks; '' for a stranger."""
        return self.who.name

    def prepare(self) -> None:
        """Sign in; every route that does not say otherwise asks for a token or a user."""
        self.who = self.shared.gate.check(self)

    def need(self, role: Role) -> None:
        """Refuse a user who has not the role.

        Raises:
            AccessError: 403.
        """
        check_role(self.who, role)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the envelope; what was not meant to be seen stays in the log."""
        error = _as_ours(status_code, kwargs.get("exc_info", (None, None, None))[1], self)
        self.set_status(error.status)
        cors.allow(self, self.shared.gate.origins)  # tornado has taken all headers back
        for name, value in headers_of(error).items():
            self.set_header(name, value)
        self.finish(envelope(error))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what nobody expected, with its trace; an answered error is in the request's line."""
        if isinstance(value, DataWatchError | HTTPError) or typ is None or value is None:
            return
        log.error("request %s failed", self.request_id, exc_info=(typ, value, tb))

    def _log(self) -> None:
        """One line a request; the path without its query, which may hold a token."""
        status = self.get_status()
        operation = getattr(self, "operation", None)
        self.shared.times.note(
            str(self.request.method),
            operation.path if operation is not None else "",
            status,
            self.request.request_time(),
        )
        fields = {
            "method": self.request.method,
            "path": self.request.path,
            "status": status,
            "ms": round(self.request.request_time() * 1_000, 1),
            "id": self.request_id,
            "user": self.user or "-",
        }
        log.log(
            logging.INFO if status < 500 else logging.ERROR,
            " ".join(f"{name}=%s" for name in fields),
            *fields.values(),
            extra={"fields": fields},
        )


def _as_ours(status: int, found: BaseException | None, handler: ApiHandler) -> DataWatchError:
    """The error to answer: ours as it is, tornado's by its status, a surprise without detail."""
    if isinstance(found, DataWatchError):
        return found
    if isinstance(found, HTTPError) and status < 500:
        return HttpError(status, f"{found.log_message or found.reason or code_text(status)}.")
    return HttpError(
        500,
        "something went wrong inside the server.",
        hint=f"Its log has the reason under request id {handler.request_id}.",
        details={"request_id": handler.request_id},
    )


def code_text(status: int) -> str:
    """The plain words of a status, such as "Not Found"."""
    return HTTPError(status).reason or f"status {status}"


def _has_body(handler: RequestHandler) -> bool:
    """Whether a request says that a body follows."""
    headers = handler.request.headers
    return bool(headers.get("Content-Length", "").strip("0 ")) or "Transfer-Encoding" in headers


@stream_request_body
class OperationHandler(ApiHandler):
    """Serves the operations of one path, one per HTTP method.

    The body is taken in pieces, so that a stranger's or too large a body is refused before it is
    read.
    """

    def initialize(  # type: ignore[override]  # one value more than the base
        self, shared: Shared, operations: Mapping[str, Operation[Any, Any]]
    ) -> None:
        """Take the operations by method."""
        super().initialize(shared)
        self.operations = operations
        self.pieces: list[bytes] = []
        self.size = 0
        self.held = self.shared.bodies.one(self._give_up)
        self.accepted = False
        self.busy: BusyError | None = None
        self.delivery: Webhook | None = None
        self.page: paging.Page | None = None
        self.told: dict[str, str] = {}

    def prepare(self) -> None:
        """Sign in, then check method, role and size."""
        if self.request.method not in _WITH_BODY and _has_body(self):
            raise HttpError(413, f"{self.request.method} takes no body.")
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        allowed = self._allowed()
        if cors.is_preflight(self, self.shared.gate.origins):
            self.shared.gate.check_host(self)
            cors.answer_preflight(self, allowed)
            self.accepted = True
            return
        operation = self.operations.get(method)
        self.who = self._signed_in(operation)
        if method == "OPTIONS":
            self.accepted = True
            return
        if operation is None:
            raise HttpError(
                405,
                f"{self.request.path} does not take {self.request.method}.",
                hint=f"It takes: {allowed}.",
                headers={"Allow": allowed},
            )
        self.operation = operation
        if self.user and operation.resource is None:
            self.need(operation.role)
        if operation.asks_password:
            self.shared.gate.limits.login(address_of(self), self.user)
        # A client that still sends cannot read an answer; so too large a body is read and dropped.
        if isinstance(self.request.connection, HTTP1Connection):
            self.request.connection.set_max_body_size(_DROPPED_LIMITS * self.shared.max_bytes)
        announced = self.request.headers.get("Content-Length", "")
        size = int(announced[:_DIGITS]) if announced.isdecimal() else 0
        self._check_size(size)
        self.held.check(size)
        self.accepted = True

    def _allowed(self) -> str:
        heads = ["HEAD"] if "GET" in self.operations else []
        return ", ".join(sorted([*self.operations, *heads, "OPTIONS"]))

    def options(self, **_: str) -> None:
        """Say which methods the path takes."""
        self.set_header("Allow", self._allowed())
        self.set_status(204)
        self.clear_header("Content-Type")
        self.finish()

    def _signed_in(self, operation: Operation[Any, Any] | None) -> Who:
        """Who asks; health is told to strangers too, and events come signed where that is set up.

        Raises:
            AccessError: 401, 403.
        """
        gate = self.shared.gate
        if operation is not None and operation.answer is HealthAnswer:
            return gate.who(self) or STRANGER
        webhook = gate.webhook if operation is not None and _takes_events(operation) else None
        if webhook is None:
            is_about_one = operation is not None and operation.resource is not None
            return gate.check(self, resource=None if is_about_one else "")
        headers = self.request.headers
        is_signed = SIGNATURE in headers or TIMESTAMP in headers
        if not is_signed and gate.token is not None and gate.who(self) is not None:
            return gate.check(self)
        gate.check_host(self)
        gate.check_origin(self)
        webhook.check_headers(headers)
        self.delivery = webhook
        who = Who("webhook", "editor", "webhook", address_of(self), self.request_id)
        gate.limits.take(who)
        return who

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """End the answer; one given before the body was read says that the connection ends too.

        tornado closes it then, so as not to read the rest; a client that is not told would send its
        next request into the closed connection.
        """
        if not self.accepted:
            self.set_header("Connection", "close")
        return super().finish(chunk)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, unless it is too large already."""
        self.size += len(chunk)
        if self.size > self.shared.max_bytes:
            self._drop()
        if self.busy is not None or self.size > self.shared.max_bytes:
            return
        try:
            self.held.grow(len(chunk))
        except BusyError as busy:  # said once the body is read: a client that sends reads nothing
            self.busy = busy
            self._drop()
        else:
            self.pieces.append(chunk)

    def _drop(self) -> None:
        self.pieces.clear()
        self.held.release()

    def _give_up(self) -> None:
        """Drop a body that comes too slowly while others need its room."""
        self.pieces.clear()
        self.busy = BusyError(
            "the body came so slowly that others were given its room.",
            hint="Send it again, or in smaller parts.",
        )

    def on_finish(self) -> None:
        """Hold the body no more."""
        self.held.release()

    def on_connection_close(self) -> None:
        """Hold the body no more: who sent it has gone."""
        super().on_connection_close()
        self.held.release()

    async def serve(self, **path: str) -> None:
        """Call the operation in a thread and answer."""
        with self.shared.running.one():
            await self._serve(path)

    async def _serve(self, path: dict[str, str]) -> None:
        self.held.arrived()
        self._check_size(self.size)
        if self.busy is not None:
            raise self.busy
        operation = self.operation = asked_for(
            self.operation, self.request.headers.get("Accept", "")
        )
        query = {
            name: self.get_query_arguments(name, strip=False)
            for name in self.request.query_arguments
        }
        if paging.has_pages(operation):
            self.page = paging.take_page(query)
        ask = read_ask(
            operation,
            path=path,
            query=query,
            headers=self.request.headers,
            body=b"".join(self.pieces),
            max_bytes=self.shared.max_bytes,
        )
        self.pieces.clear()
        packs = "gzip" in self.request.headers.get("Accept-Encoding", "")
        body, packed = await IOLoop.current().run_in_executor(
            self._pool(operation), self._answer, ask, packs
        )
        self.set_status(operation.status)
        if operation.status == NO_CONTENT:
            self.clear_header("Content-Type")
            await self.finish()
            return
        for name, value in self.told.items():
            self.set_header(name, value)
        self.add_header("Vary", "Accept, Accept-Encoding")
        if operation.gives_table:
            self.set_header("Content-Type", ARROW)
        if packed:
            self.set_header("Content-Encoding", "gzip")
        with suppress(StreamClosedError):  # who asked has gone
            await self.finish(body)

    def _pool(self, operation: Operation[Any, Any]) -> ThreadPoolExecutor:
        if operation.binary:
            return self.shared.intake
        is_read = operation.method in SAFE_METHODS
        return self.shared.readers if is_read else self.shared.writers

    get = head = post = put = patch = delete = serve

    def _answer(self, ask: msgspec.Struct, packs: bool) -> tuple[bytes, bool]:  # noqa: FBT001
        """The body, and whether it is packed; runs in a thread."""
        with acting(self.who):
            if self.delivery is not None:
                self.delivery.check_body(self.request.headers, getattr(ask, "body", b""))
            answer: Any = self.shared.caller.call(self.operation, ask)
        if isinstance(answer, HealthAnswer) and not self.user:
            answer = {"status": answer.status}
        if self.operation.name == "post_event":
            _refuse_malformed(answer)
        if self.page is not None and isinstance(answer, list):
            request = self.request
            self.told = paging.headers_for(self.page, len(answer), request.path, request.query)
            answer = paging.cut(answer, self.page)
        body = written(self.operation, answer)
        if packs and len(body) >= _GZIP_FROM_BYTES:
            # Without a time stamp, so that the same answer has the same bytes and ETag.
            return gzip.compress(body, _GZIP_LEVEL, mtime=0), True
        return body, False

    def _check_size(self, size: int) -> None:
        limit = self.shared.max_bytes
        if size > limit:
            raise HttpError(
                413,
                f"the body is larger than {limit:,} bytes.",
                hint="Send it in several requests, or use `datawatch ingest FILE`.",
                details={"max_bytes": limit},
            )


def _takes_events(operation: Operation[Any, Any]) -> bool:
    """Whether it takes change events, which a pipeline signs; telemetry comes with a token."""
    return operation.name in ("post_event", "post_events")


def _refuse_malformed(answer: EventsAnswer) -> None:
    """One event that was posted alone and is malformed: say so as an error, with its reason."""
    if answer.received == 1 and answer.quarantined == 1:
        (outcome,) = answer.events
        raise InputError(
            f"the event is malformed: {outcome.reason.rstrip('.')}.",
            hint="It is kept in the quarantine, where it can be corrected and replayed.",
            details={"outcome": msgspec.to_builtins(outcome)},
        )
