"""Takes pictures of all pages and boards into screenshots/: light, dark, phone; silent, empty.

Each picture is of a real workspace, filled by the simulator, in a real Chromium. Look at them: no
test can tell whether a page is good to read.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from datawatch_lab.core.names import slug
from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.intake import demo_source, ingest_source

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "screenshots"
DESKTOP, TABLET, PHONE = (1280, 900), (800, 1100), (390, 844)
_LIVE_SECONDS = 20.0
_DECIDED_SECONDS = 75.0
PLACES = {
    "explorer": "explorer?metric=orders_amount_sum&by=currency&from=-24h",
    "explorer-compare": "explorer?metric=orders_created_rate&from=-6h&compare=same_hour_yesterday",
    "sql": "explorer?tab=sql",
    "dashboards": "dashboards",
    "anomalies": "anomalies",
    "quality": "quality",
    "quality-rules": "quality?tab=rules&table=orders",
    "quality-suggestions": "quality?tab=suggestions",
    "schema": "schema?since=-30d",
    "schema-table": "schema?tab=tables&table=orders",
    "schema-diff": "schema?tab=diff&from=last+week&to=now",
    "alerts": "alerts",
    "alerts-rules": "alerts?tab=rules",
    "alerts-new": "alerts?tab=rules&edit=new&metric=orders_created_rate",
    "ledger": "data",
    "quarantine": "data?tab=quarantine",
    "sources": "data?tab=sources",
    "late": "data?tab=late",
    "settings": "settings?set=changed",
}
"""Pages by the name of their picture."""
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)


def main() -> None:
    """Take all pictures; with names as arguments only those."""
    path = chromium()
    wanted = set(sys.argv[1:])
    OUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        for scene in (live_scene, history_scene, silent_scene, empty_scene):
            if not wanted or wanted & {scene.__name__.removesuffix("_scene")}:
                scene(browser, Path(folder))
        browser.close()


def chromium() -> str:
    """Path of a Chromium that starts; ends the program with what to do where there is none."""
    finder = [sys.executable, str(ROOT / "tools" / "chromium.py")]
    answer = subprocess.run(finder, capture_output=True, check=True, text=True).stdout.strip()
    if not Path(answer).is_file():
        sys.exit(answer)
    return answer


def live_scene(browser: Browser, folder: Path) -> None:
    """Two days of a shop and its live traffic: light, dark, phone."""
    with open_workspace(folder / "shop.duckdb") as workspace:
        ingest_source(workspace, demo_source(history=timedelta(days=2), live=False))
        source = demo_source(history=timedelta(days=2))
        thread = threading.Thread(target=ingest_source, args=(workspace, source))
        thread.start()
        try:
            time.sleep(_LIVE_SECONDS)
            furnish(workspace)
            with served(workspace) as address:
                picture(browser, address, "light")
                picture(browser, address, "dark", scheme="dark")
                picture(browser, address, "phone", size=PHONE)
                picture(browser, address, "tablet", size=TABLET)
                picture(browser, f"{address}?range=24h", "day")
                for name, place in PLACES.items():
                    picture(browser, f"{address}/{place}", name)
                    picture(browser, f"{address}/{place}", f"{name}-dark", scheme="dark")
                    picture(browser, f"{address}/{place}", f"{name}-phone", size=PHONE)
                board_pictures(browser, workspace)
        finally:
            source.stop()
            thread.join()


def board_pictures(browser: Browser, workspace: Workspace) -> None:
    """Each dashboard on its own page, light, dark, phone; the first one being edited."""
    with served(workspace) as portal:
        for item in workspace.list_dashboards():
            address = f"{portal.removesuffix('/datawatch')}{item.path}"
            name = f"board-{slug(item.name)}"
            board_picture(browser, address, name)
            board_picture(browser, address, f"{name}-dark", scheme="dark")
            board_picture(browser, address, f"{name}-phone", size=PHONE)
            board_picture(browser, f"{address}?edit", f"{name}-edit", gallery=True)


def board_picture(
    browser: Browser,
    address: str,
    name: str,
    *,
    scheme: Any = "light",
    size: tuple[int, int] = DESKTOP,
    gallery: bool = False,
) -> None:
    """One board once all its tiles are drawn; with the builder's gallery beside it where asked."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=1.5
    )
    page.goto(address)
    waits = "#board .dwb-tile[data-state=loading]"
    page.wait_for_selector("#board .dwb-tile", timeout=60_000)
    page.wait_for_selector(waits, state="detached", timeout=120_000)
    if gallery:
        page.click("[data-act=add]")
        shots = ".dwe-kind:nth-last-child(2) .dwb-tile:not([data-state=loading])"
        page.wait_for_selector(shots, state="attached", timeout=120_000)
    page.wait_for_timeout(1_500)
    page.screenshot(path=OUT / f"{name}.png", full_page=not gallery)
    page.close()
    print(f"screenshots/{name}.png")


def furnish(workspace: Workspace) -> None:
    """Rules, a dashboard and a snapshot, as somebody has them after the first hour."""
    for each in workspace.quality_suggestions():
        workspace.add_quality_rule(**each.definition, origin="suggested")
    workspace.add_quality_rule(table="orders", rule="max_age", threshold="5m")
    rules: tuple[dict[str, Any], ...] = (
        {"name": "Order rush", "condition": "> 8", "metric": "orders_created_rate"},
        {"name": "Orders silent", "condition": "no data for 10m", "metric": "orders_created_rate"},
        {
            "name": "Revenue drop",
            "condition": "< 50% of same_hour_yesterday",
            "metric": "orders_amount_sum",
            "severity": "critical",
        },
    )
    for rule in rules:
        workspace.add_alert_rule(**rule)
    workspace.make_schema_snapshot("last week", at="-1d", note="before the coupons")
    for template in ("overview", "ecommerce", "quality"):
        workspace.add_dashboard(template=template)
    # Alerts are decided each minute, once its minute is closed.
    time.sleep(_DECIDED_SECONDS)


def history_scene(browser: Browser, folder: Path) -> None:
    """A few hours of orders from two years ago."""
    with open_workspace(folder / "archive.duckdb") as workspace:
        fill(workspace, datetime.now(UTC) - timedelta(days=730), hours=30)
        with served(workspace) as address:
            picture(browser, address, "history")


def silent_scene(browser: Browser, folder: Path) -> None:
    """A source that stopped a while ago."""
    settings = Settings(stale_after=timedelta(seconds=1))
    with open_workspace(folder / "till.duckdb", settings=settings) as workspace:
        fill(workspace, datetime.now(UTC) - timedelta(minutes=1), hours=3)
        time.sleep(_LIVE_SECONDS)
        with served(workspace) as address:
            picture(browser, f"{address}?range=15m", "silent")


def empty_scene(browser: Browser, folder: Path) -> None:
    """A workspace without any data."""
    with open_workspace(folder / "new.duckdb") as workspace, served(workspace) as address:
        picture(browser, address, "empty")


def fill(workspace: Workspace, end: datetime, *, hours: int) -> None:
    """Post an order every 20 seconds up to ``end``."""
    statuses = ("pending", "paid", "paid", "shipped", "shipped", "shipped", "cancelled")
    events: list[dict[str, Any]] = [
        {
            "id": f"order-{number}",
            "source": "till",
            "table": "orders",
            "operation": "INSERT",
            "timestamp": (
                end - timedelta(hours=hours) + timedelta(seconds=20 * number)
            ).isoformat(),
            "after": {
                "id": number,
                "amount": f"{20 + (number * 37 % 113) + number % 7 / 2:.2f}",
                "currency": "EUR",
                "status": statuses[number * 31 % 7],
            },
        }
        for number in range(hours * 180)
    ]
    workspace.post(json.dumps(events).encode())


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """Serve a workspace, its boards too, which home shows; gives the address of the overview."""
    from datawatch_lab.cli.serving import served as all_of_it

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = Path(workspace.place)
    with all_of_it(workspace, path, host="127.0.0.1", port=port, auth=False) as found:
        yield f"{found.address}/datawatch"


def picture(
    browser: Browser,
    address: str,
    name: str,
    *,
    scheme: Any = "light",
    size: tuple[int, int] = DESKTOP,
) -> None:
    """One full page as ``screenshots/NAME.png``."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=1.5
    )
    page.goto(address)
    page.wait_for_selector("#content[data-state=ready]", timeout=60_000)
    for board in page.locator("iframe[data-fit]").all():  # home frames one
        inside = board.content_frame
        inside.locator(".dwb-tile").first.wait_for(timeout=60_000)
        loading = inside.locator(".dwb-tile[data-state=loading]").first
        loading.wait_for(state="detached", timeout=120_000)
    page.wait_for_timeout(2_500)
    page.screenshot(path=OUT / f"{name}.png", full_page=True)
    page.close()
    print(f"screenshots/{name}.png")


if __name__ == "__main__":
    main()
