"""Dashboards as pages: the watch page ``/d/ID``, its data socket ``/ws/boards/ID``, their files."""

from __future__ import annotations

import asyncio
import gzip
import logging
import secrets
import threading
from asyncio import Future
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from tornado.http1connection import HTTP1Connection
from tornado.ioloop import IOLoop
from tornado.web import stream_request_body

from datawatch_lab.api.envelope import HttpError
from datawatch_lab.api.handlers import ApiHandler, Shared, code_text
from datawatch_lab.api.login import LOGIN
from datawatch_lab.api.sockets.base import POLICY, RoomSocket
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.core.errors import AccessError, BusyError, DataWatchError
from datawatch_lab.core.who import Who

log = logging.getLogger(__name__)

Made = TypeVar("Made")

PAGE = "/d/{id}"
SOCKET = "/ws/boards/{id}"
STATIC = "/static/board/"

_TYPES = {
    "js": "text/javascript; charset=UTF-8",
    "css": "text/css; charset=UTF-8",
    "json": "application/json; charset=UTF-8",
    "txt": "text/plain; charset=UTF-8",
}
MOST_BYTES = 1 << 20
"""Of a document that is drawn."""
_DROPPED_BYTES = 64 * MOST_BYTES
_YEAR_SECONDS = 31_536_000
_ASKED = ("range", "filter", "var")
_LOOKS = ("width", "theme")
"""Of a picture."""
_PICTURES = ("png", "pdf")
_NOT_OF_PANEL = r"(?!(?:ws|autoload\.js|metadata)$)"
"""Panel serves these beneath the list of dashboards."""


class Watching(Protocol):
    """Somebody who looks at a board."""

    def next(self) -> bytes | None:
        """The next message to send; None when all is sent."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...


class Boards(Protocol):
    """The dashboards of a workspace as pages; `views.watch.WatchPages` makes them."""

    def dashboard(self, name: str) -> tuple[str, bool]:
        """The id of a dashboard, and whether everybody may see it; a `NotFoundError` for none."""
        ...

    def page(
        self, id_: str, who: Who, query: Mapping[str, Iterable[str]], nonce: str, root: str
    ) -> bytes:
        """The page of a dashboard; ``root`` is that of the server, as seen from the page."""
        ...

    def watch(
        self,
        id_: str,
        who: Who,
        query: Mapping[str, Iterable[str]],
        changed: Callable[[], object],
        since: int | None,
    ) -> Watching:
        """Look at a dashboard; ``changed`` is called in another thread."""
        ...

    def draw(self, who: Who, body: bytes) -> bytes:
        """What a document that is being edited shows, as JSON; an `InputError` says its faults."""
        ...

    def file(
        self, id_: str, who: Who, query: Mapping[str, Iterable[str]], form: str
    ) -> tuple[bytes, str, str]:
        """What a dashboard shows as a file: its bytes, name and media type."""
        ...

    def refused(self, title: str, message: str, nonce: str, root: str, sign_in: str = "") -> bytes:
        """The page for who may not, or for what there is not."""
        ...

    def files(self) -> Mapping[str, bytes]:
        """The files that pages ask for, by name."""
        ...

    def close(self) -> None:
        """Compute nothing more."""
        ...


class Pictures:
    """Draws pictures in threads of its own, so that nobody who reads waits for a browser.

    Args:
        threads: that draw at the same time.
        waiting: requests that may wait for one.
    """

    def __init__(self, threads: int = 2, waiting: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="datawatch-pictures")
        self._room = threading.BoundedSemaphore(threads + waiting)

    async def draw(self, drawing: Callable[[], Made]) -> Made:
        """Call what draws; gives what it gives.

        Raises:
            BusyError: too many wait already.
        """
        if not self._room.acquire(blocking=False):
            raise BusyError(
                "other dashboards are being drawn.",
                hint="Try again in a moment.",
                details={"retry_after": 5.0},
            )
        drawn = self._threads.submit(drawing)
        drawn.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(drawn)


_pictures = Pictures()
"""Of this process: each browser takes a core and 200 MB."""


class StaticFiles:
    """Files as they are, and packed for those who take them so.

    Brotli was packed when the files were built (``NAME.br``). Browsers take it over HTTPS and on
    this machine only, so gzip is packed here, once somebody asks for it.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._zipped: dict[str, bytes] = {}

    def get(self, name: str, accepted: str) -> tuple[bytes, str]:
        """The bytes of a file and their encoding, '' for none.

        Args:
            name: of the file.
            accepted: encodings, as the header of a request lists them.

        Raises:
            HttpError: 404, there is no such file.
        """
        plain = self._files.get(name)
        if plain is None or name.endswith(".br"):
            raise HttpError(404, f"there is no file {name!r}.")
        packed = self._files.get(f"{name}.br")
        if packed is None:
            return plain, ""
        encodings = {each.partition(";")[0].strip() for each in accepted.split(",")}
        if "br" in encodings:
            return packed, "br"
        if "gzip" not in encodings:
            return plain, ""
        if name not in self._zipped:
            self._zipped[name] = gzip.compress(plain, 6, mtime=0)
        return self._zipped[name], "gzip"


def board_patterns(
    shared: Shared, boards: Boards, room: Room
) -> list[tuple[str, type[Any], dict[str, Any]]]:
    """URL patterns for tornado."""
    files = StaticFiles(boards.files())
    how = {"shared": shared, "boards": boards}
    return [
        ("/d/(?P<name>[^/]+)", WatchHandler, how),
        (f"/datawatch/dashboards/(?P<name>{_NOT_OF_PANEL}[^/]+)", WatchHandler, how),
        ("/d/(?P<name>[^/]+)/draw", DrawHandler, how),
        ("/d/(?P<name>[^/]+)/file", ValuesHandler, how),
        ("/ws/boards/(?P<name>[^/]+)", BoardSocket, {**how, "room": room}),
        (f"{STATIC}(?P<name>[\\w.-]+)", FileHandler, {"shared": shared, "files": files}),
    ]


async def check_board(handler: ApiHandler, boards: Boards, name: str) -> tuple[str, Who]:
    """The id of a dashboard, and who looks at it, when they may.

    A public dashboard is for everybody who reaches the server; a shared link opens one alone.

    Raises:
        NotFoundError: there is no such dashboard.
        AccessError: 401 or 403.
    """
    gate, readers = handler.shared.gate, handler.shared.readers
    is_stranger = gate.who(handler) is None
    gate.check_host(handler)
    gate.check_origin(handler)
    try:
        id_, is_public = await IOLoop.current().run_in_executor(readers, boards.dashboard, name)
    except DataWatchError:
        if is_stranger:
            gate.check(handler)  # a stranger is not told which dashboards there are
        raise
    if is_stranger and is_public:
        return id_, Who("public", "viewer", "public", resource=f"dashboard:{id_}")
    return id_, gate.check(handler, "viewer", f"dashboard:{id_}")


class WatchHandler(ApiHandler):
    """The page of one dashboard."""

    def initialize(self, shared: Shared, boards: Boards) -> None:  # type: ignore[override]
        """Take what makes pages."""
        super().initialize(shared)
        self.boards = boards

    def prepare(self) -> None:
        """`get` signs in, since whom it lets in depends on the dashboard."""

    @cached_property
    def nonce(self) -> str:
        """What the page's style carries, so that no other style is taken."""
        return secrets.token_urlsafe(12)

    async def get(self, name: str) -> None:
        """Answer with the page."""
        loop = IOLoop.current()
        id_, self.who = await check_board(self, self.boards, name)
        query = {
            field: self.get_query_arguments(field, strip=False)
            for field in self.request.query_arguments
        }
        body = await loop.run_in_executor(
            self.shared.readers, self.boards.page, id_, self.who, query, self.nonce, self._root
        )
        self._restrict(anywhere="embed" in query and bool(self.who.resource))
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = gzip.compress(body, 5, mtime=0)
        await self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A page that says what is wrong."""
        found = kwargs.get("exc_info", (None, None, None))[1]
        known = isinstance(found, DataWatchError)
        status = found.status if isinstance(found, DataWatchError) else status_code
        self.set_status(status)
        message = str(found) if known else "Something went wrong inside the server; see its log."
        sign_in = f"{self._root}{LOGIN[1:]}?next={quote(self.request.path)}"
        self._restrict(anywhere=False)
        self.finish(
            self.boards.refused(
                code_text(status),
                message,
                self.nonce,
                self._root,
                sign_in if status == 401 else "",
            )
        )

    @property
    def _root(self) -> str:
        """The root of the server, as seen from this page: it holds below any path of a proxy."""
        return "../" * (self.request.path.count("/") - 1)

    def _restrict(self, *, anywhere: bool) -> None:
        """What the page may load: files, styles and sockets of this server, and nothing else."""
        host = self.request.host
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": f"'self' 'nonce-{self.nonce}'",
            "connect-src": f"'self' ws://{host} wss://{host}",
            "img-src": "'self' data: blob:",
            "font-src": "'self'",
            "frame-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            # Whoever has a link to one board may frame it: it reads, and carries no cookie.
            "frame-ancestors": "*" if anywhere else "'self'",
        }
        text = "; ".join(f"{name} {value}" for name, value in policy.items())
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", text)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Accept-Encoding")


@stream_request_body
class DrawHandler(ApiHandler):
    """Draws a document that is being edited, before it is stored.

    The body of who is signed in is read to its end, and what is too large is dropped piece by
    piece: a client that still sends could not read why it is refused.
    """

    def initialize(self, shared: Shared, boards: Boards) -> None:  # type: ignore[override]
        """Take what draws."""
        super().initialize(shared)
        self.boards = boards
        self.pieces: list[bytes] = []
        self.size = 0
        self.let_in = False

    def prepare(self) -> None:
        """Sign in, then let the body come."""
        super().prepare()
        self.let_in = True
        if isinstance(self.request.connection, HTTP1Connection):
            self.request.connection.set_max_body_size(_DROPPED_BYTES)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, unless it is too large already."""
        self.size += len(chunk)
        if self.size > MOST_BYTES:
            self.pieces.clear()
        else:
            self.pieces.append(chunk)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """End the answer; one to a stranger says that the connection ends, too, body unread."""
        if not self.let_in:
            self.set_header("Connection", "close")
        return super().finish(chunk)

    async def post(self, name: str) -> None:
        """Answer with what the document shows.

        Raises:
            AccessError: 403 for a shared link, which opens one dashboard as it is.
            InputError: the document cannot be taken.
            HttpError: 413, it is too large.
        """
        del name
        if self.who.resource:
            raise AccessError("a shared link opens one dashboard as it is.", status=403)
        if self.size > MOST_BYTES:
            raise HttpError(
                413,
                f"the document is larger than {MOST_BYTES:,} bytes.",
                hint="Make several dashboards of it.",
                details={"max_bytes": MOST_BYTES},
            )
        body = await IOLoop.current().run_in_executor(
            self.shared.readers, self.boards.draw, self.who, b"".join(self.pieces)
        )
        await self.finish(body)


class ValuesHandler(ApiHandler):
    """What a dashboard shows, as a file; for whom the dashboard is."""

    def initialize(self, shared: Shared, boards: Boards) -> None:  # type: ignore[override]
        """Take what makes files."""
        super().initialize(shared)
        self.boards = boards

    def prepare(self) -> None:
        """`get` signs in, since whom it lets in depends on the dashboard."""

    async def get(self, name: str) -> None:
        """Answer with the file."""
        id_, self.who = await check_board(self, self.boards, name)
        fields = (*_ASKED, *_LOOKS)
        query = {field: self.get_query_arguments(field, strip=False) for field in fields}
        form = self.get_query_argument("format", "csv")
        make = partial(self.boards.file, id_, self.who, query, form)
        if form in _PICTURES:
            body, file, media = await _pictures.draw(make)
        else:
            body, file, media = await IOLoop.current().run_in_executor(self.shared.readers, make)
        self.set_header("Content-Type", media)
        self.set_header("Content-Disposition", f'attachment; filename="{file}"')
        self.set_header("Cache-Control", "no-store")
        await self.finish(body)


class FileHandler(ApiHandler):
    """The built files of the board; they hold no secret, and never change under one address."""

    def initialize(self, shared: Shared, files: StaticFiles) -> None:  # type: ignore[override]
        """Take the files."""
        super().initialize(shared)
        self.files = files

    def prepare(self) -> None:
        """Everybody may have them."""

    def get(self, name: str) -> None:
        """Answer with a file."""
        body, encoding = self.files.get(name, self.request.headers.get("Accept-Encoding", ""))
        self.set_header("Content-Type", _TYPES.get(name.rpartition(".")[2], "text/plain"))
        self.set_header("Cache-Control", f"public, max-age={_YEAR_SECONDS}, immutable")
        self.set_header("Vary", "Accept-Encoding")
        if encoding:
            self.set_header("Content-Encoding", encoding)
        self.finish(body)


class BoardSocket(RoomSocket):
    """Sends what changes on a board."""

    def initialize(self, shared: Shared, boards: Boards, room: Room) -> None:  # type: ignore[override]
        """Take what makes boards, and the room of all sockets."""
        super().initialize(shared, room)
        self.boards = boards
        self.board = ""
        self._viewer: Watching | None = None

    async def prepare(self) -> None:  # type: ignore[override]
        """Sign in, and find the board.

        Raises:
            DataWatchError: 401 or 403 for who may not, 404 for no such dashboard, 426 for a plain
                request, 429 when too many sockets are open.
        """
        self.check_upgrade(f"The page of the board is /d/{self.path_kwargs['name']}.")
        self.since = self.asked_since()
        self.room.check_room()
        self.board, self.who = await check_board(self, self.boards, self.path_kwargs["name"])

    async def open(self, *args: str, **kwargs: str) -> None:  # noqa: ARG002 — as tornado calls it
        """Begin with what the client has not."""
        self.enter()
        loop = asyncio.get_running_loop()
        query = {name: self.get_query_arguments(name, strip=False) for name in _ASKED}

        def changed() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.wake)

        def watch() -> Watching:
            return self.boards.watch(self.board, self.who, query, changed, self.since)

        try:
            viewer = await loop.run_in_executor(self.shared.readers, watch)
        except DataWatchError as error:
            log.info("board %s cannot be looked at: %s", self.board, error)
            self.close(POLICY, str(error)[:120])
            return
        if self.is_over:
            viewer.close()
            return
        self._viewer = viewer
        self.wake()

    def on_message(self, message: str | bytes) -> None:
        """A client has nothing to say here; what it looks at stands in the address."""
        del message
        self.close(POLICY, "this socket only sends")

    async def on_pong(self, data: bytes) -> None:  # type: ignore[override]  # tornado awaits it
        """The client is there; see whether it still may be."""
        del data
        try:
            _, who = await check_board(self, self.boards, self.path_kwargs["name"])
        except DataWatchError:
            who = None
        if who is None or (who.role, who.resource) != (self.who.role, self.who.resource):
            self.dismiss()

    def on_close(self) -> None:
        """Look no more."""
        super().on_close()
        if self._viewer is not None:
            self._viewer.close()

    def next_message(self) -> bytes | None:
        """The next message of the board; none before it is looked at."""
        return None if self._viewer is None else self._viewer.next()
