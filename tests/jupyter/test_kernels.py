"""Two kernels and a browser read while events come; a kernel that is killed takes nothing along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.ports import free_port
from tests.waiting import PATIENCE

START = "import datawatch_lab as dw\nlab = dw.open()\nassert lab.workspace is not None"
READ = (
    "for _ in range(10):\n"
    "    seen = int(lab.sql('SELECT count(*) AS n FROM live.orders')['n'][0])\n"
    "    lab.metric('orders_inserts_total').value('1h')\n"
    "    repr(lab.tables)\n"
    "print(seen)"
)
NDJSON = "application/x-ndjson"
_SECONDS = 90.0


@dataclass(frozen=True)
class Engine:
    """``datawatch serve`` on a workspace of its own."""

    path: Path
    client: httpx.Client

    def post(self, first: int, count: int) -> None:
        """Insert orders, durably."""
        lines = b"\n".join(
            json.dumps(
                {"id": f"e{n}", "table": "orders", "operation": "INSERT", "after": {"id": n}}
            ).encode()
            for n in range(first, first + count)
        )
        answer = self.client.post("events", content=lines, headers={"Content-Type": NDJSON})
        assert answer.status_code == 202, answer.text


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Engine]:
    """The engine as a process of its own."""
    path, port = tmp_path / "w.duckdb", free_port()
    command = [sys.executable, "-m", "datawatch_lab.cli", "serve", "--port", str(port)]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--workspace", str(path)], cwd=tmp_path, stdout=said, stderr=said
        )
    base = f"http://127.0.0.1:{port}/api/v1/datawatch/"
    with httpx.Client(base_url=base, trust_env=False, timeout=PATIENCE) as client:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.get("health")
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        token = (path.parent / f"{path.name}.token").read_text().strip()
        client.headers["Authorization"] = f"Bearer {token}"
        try:
            yield Engine(path, client)
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def kernels(serving: Engine) -> Iterator[list[Any]]:
    """Two kernels as JupyterLab starts them, with a client each."""
    from jupyter_client.manager import start_new_kernel

    environment = os.environ | {"DATAWATCH_WORKSPACE": str(serving.path)}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    made = [start_new_kernel(kernel_name="python3", env=environment) for _ in range(2)]
    try:
        yield made
    finally:
        for manager, client in made:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def run(client: Any, code: str) -> str:
    """What a cell prints; it must not fail."""
    said: list[str] = []

    def note(message: dict[str, Any]) -> None:
        content = message["content"]
        said.append(content.get("text", "") or "\n".join(content.get("traceback", [])))

    answer = client.execute_interactive(code, timeout=_SECONDS, output_hook=note)
    assert answer["content"]["status"] == "ok", "".join(said)
    return "".join(said)


def test_two_kernels_and_a_browser_read_while_events_come(
    serving: Engine, kernels: list[Any]
) -> None:
    """Nobody waits for anybody's lock, and after a kernel is killed all events are there."""
    serving.post(0, 50)
    ended, posted = threading.Event(), [50]

    def stream() -> None:
        while not ended.wait(0.05):
            serving.post(posted[0], 50)
            posted[0] += 50

    streaming = threading.Thread(target=stream)
    streaming.start()
    try:
        for _, client in kernels:
            run(client, START)
        before = posted[0]
        for _ in range(2):
            seen = [int(run(client, READ)) for _, client in kernels]
            answer = serving.client.get("metrics")
            assert answer.status_code == 200, answer.text
        assert posted[0] > before, "events came meanwhile"
        assert min(seen) > before
        (manager, _), (_, other) = kernels
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        assert int(run(other, READ)) >= max(seen)
    finally:
        ended.set()
        streaming.join()
    assert int(run(other, READ)) == posted[0]
    counts = serving.client.get("ledger").json()
    assert counts["applied"] == posted[0]
