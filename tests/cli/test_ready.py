"""The server is ready before Panel is loaded: what needs no Panel is answered, what does waits."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from datawatch_lab.cli.serve import unswept
from tests.cli.conftest import Start, order
from tests.cli.test_serve import link_of
from tests.waiting import PATIENCE, eventually

API = "/api/v1/datawatch"
_HOLD = """
import os, pathlib, sys, time

HERE = pathlib.Path(__file__).parent

class Held:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("bokeh", "holoviews", "panel"):
            (HERE / "asked").touch()
            while not (HERE / "go").exists():
                time.sleep(0.01)
            if "fail" in (HERE / "go").read_text():
                raise ImportError("no pages today")

sys.meta_path.insert(0, Held())
"""
"""Holds back Bokeh, HoloViews and Panel, for whoever imports them, until the test lets them go."""


class Hold:
    """What the test says to the process that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_HOLD)

    @property
    def asked(self) -> bool:
        """Whether somebody has tried to import them; they wait since then."""
        return (self.folder / "asked").exists()

    def go(self, how: str = "") -> None:
        """Let the import go on; "fail" makes it fail."""
        (self.folder / "said").write_text(how)
        (self.folder / "said").rename(self.folder / "go")


@pytest.fixture
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Holds back Panel in the processes that the test starts."""
    folder = tmp_path / "hold"
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    return Hold(folder)


Ask = Callable[..., Future[httpx.Response]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks for an address in a thread."""
    with ThreadPoolExecutor(4) as threads:

        def begin(address: str, **how: object) -> Future[httpx.Response]:
            return threads.submit(
                lambda: httpx.get(
                    address,
                    timeout=PATIENCE,
                    trust_env=False,
                    follow_redirects=True,
                    **how,  # type: ignore[arg-type]
                )
            )

        yield begin


def test_it_is_ready_before_panel(start: Start, hold: Hold, ask: Ask) -> None:
    """REST, ingest and dashboards of their own answer without Panel; its pages are held, and come.

    Who may see them is asked all the same, when they come and later.
    """
    process = start("serve", "--port", "0")
    address, token = link_of(process)
    me = {"Authorization": f"Bearer {token}"}
    page = ask(f"{address}/datawatch", headers=me)
    stranger = ask(f"{address}/datawatch/alerts")
    script = ask(f"{address}/static/js/bokeh.min.js", headers=me)
    assert ask(f"{address}{API}/health").result(PATIENCE).status_code == 200
    body = "\n".join(json.dumps(order(number)) for number in range(20))
    posted = httpx.post(
        f"{address}{API}/events",
        content=body,
        headers={**me, "Content-Type": "application/x-ndjson"},
        timeout=PATIENCE,
        trust_env=False,
    )
    assert (posted.status_code, posted.json()["applied"]) == (202, 20)
    board = ask(f"{address}/d/home", headers=me).result(PATIENCE)
    assert (board.status_code, "dww-head" in board.text) == (200, True)
    assert ask(f"{address}/api/openapi.json", headers=me).result(PATIENCE).status_code == 200
    assert ask(f"{address}/nowhere", headers=me).result(PATIENCE).status_code == 404
    assert not any(each.done() for each in (page, stranger, script))
    hold.go()
    assert (page.result(PATIENCE).status_code, "bokeh" in page.result().text) == (200, True)
    assert script.result(PATIENCE).status_code == 200
    for each in (stranger, ask(f"{address}/datawatch")):
        refused = each.result(PATIENCE)
        assert (refused.status_code, refused.url.path) == (200, "/login")
    assert process.end(signal.SIGTERM) == 0
    assert "Traceback" not in process.said()


def test_it_stops_while_it_loads(start: Start, hold: Hold, ask: Ask) -> None:
    """Told to end meanwhile it ends in good order; who waits for a page is told."""
    process = start("serve", "--port", "0", "--no-auth")
    address = process.until("http://").split("at ")[1].split()[0].rstrip("/")
    eventually(lambda: hold.asked or process.popen.poll() is not None)
    assert process.popen.poll() is None
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)) as page:
        page.request("GET", "/datawatch")
        for _ in range(2):  # what was sent before is read before
            assert ask(f"{address}{API}/health").result(PATIENCE).status_code == 200
        process.popen.send_signal(signal.SIGTERM)
        answer = page.getresponse()
        assert (answer.status, b"about to end" in answer.read()) == (503, True)
    hold.go()
    assert process.popen.wait(PATIENCE) == 0
    assert "everything taken in is stored" in process.said()
    assert "Traceback" not in process.said()


def test_a_panel_that_cannot_be_loaded_is_said(start: Start, hold: Hold, ask: Ask) -> None:
    """Its pages say why to whom they know, and the log, too; everything else is served."""
    process = start("serve", "--port", "0")
    address, token = link_of(process)
    me = {"Authorization": f"Bearer {token}"}
    hold.go("fail")
    page = ask(f"{address}/datawatch", headers=me).result(PATIENCE)
    assert (page.status_code, "no pages today" in page.text) == (503, True)
    stranger = ask(f"{address}/datawatch").result(PATIENCE)
    assert (stranger.status_code, "no pages today" in stranger.text) == (503, False)
    assert ask(f"{address}{API}/tables", headers=me).result(PATIENCE).json() == []
    assert ask(f"{address}/d/home", headers=me).result(PATIENCE).status_code == 200
    process.until("the pages could not be loaded")
    assert process.end(signal.SIGTERM) == 0


def test_garbage_is_swept_after_the_start() -> None:
    """Sweeping rests while a server starts, and goes on afterwards, also when the start fails."""
    try:
        with suppress(ValueError), unswept():
            assert not gc.isenabled()
            raise ValueError
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_opening_loads_little(tmp_path: Path) -> None:
    """A store is open without pandas; a server is ready without drivers, Panel, SciPy or Markdown.

    What is loaded before the first answer is most of the time that a start takes.
    """
    heavy = (
        *("scipy", "sklearn", "statsmodels", "httpx", "rich", "markdown_it", "jinja2", "IPython"),
        *("bokeh", "holoviews", "panel", "psycopg2", "pymysql"),
    )
    code = f"""
import sys
from pathlib import Path
from datawatch_lab.api.server import Server
from datawatch_lab.cli.program import main
from datawatch_lab.cli.serve import _configured
from datawatch_lab.cli.serving import served
from datawatch_lab.core.config import Config
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.store.duck import DuckStore
path = Path({str(tmp_path / "w.duckdb")!r})
DuckStore.open(path, what="tests").close()
print(*{{"pandas"}} & set(sys.modules))  # threads of an engine may come to need it at any time
Server.load = lambda self: print(*set({heavy!r}) & set(sys.modules))
with open_workspace(path, what="tests") as workspace:
    _configured(workspace, Config(), told=False)
    with served(workspace, path, host="127.0.0.1", port=0, auth=True):
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
