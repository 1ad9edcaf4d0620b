"""What live tables take of an ingest of updates, with five million rows in the table."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.events import Maker, Mix
from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario
from benchmarks.workspaces import build

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings

NAME = "live_upkeep"
FULL, QUICK = 5_000_000, 10_000
FULL_UPDATES, QUICK_UPDATES = 200_000, 5_000
_INSERTS = Mix(tables=1, bytes=380, updates=0.0, deletes=0.0, per_second=5_000)
_UPDATES = Mix(tables=1, updates=1.0, deletes=0.0, per_second=5_000)
_KEYED, _KEYLESS = f"{NAME}-keyed", f"{NAME}-keyless"


def prepare(context: Context) -> None:
    """The same rows with a key and without, and updates of random ones."""
    rows, updates = context.size(FULL, QUICK), context.size(FULL_UPDATES, QUICK_UPDATES)
    for name, key in ((_KEYED, ("id",)), (_KEYLESS, ())):
        build(context, name, Maker(_INSERTS), rows, _settings(key))
    maker = Maker(_UPDATES)
    maker.know("orders", random.Random(3).sample(range(1, rows + 1), min(updates, rows)))
    with _updates(context).open("wb") as out:
        out.writelines(maker.lines(updates, first=rows + 1))


def _settings(key: tuple[str, ...]) -> Settings:
    from datawatch_lab.core.settings import Settings, TableSettings

    return Settings(tables={"orders": TableSettings(key=key)})


def _updates(context: Context) -> Path:
    return context.cache / f"{NAME}.ndjson"


def subject(context: Context) -> Sample:
    """Ingest the updates into a copy of each; the share is what the key adds."""
    plain = _ingest(context, _KEYLESS, ())
    keyed = _ingest(context, _KEYED, ("id",))
    count = context.size(FULL_UPDATES, QUICK_UPDATES)
    share = max(1.0 - plain.seconds / keyed.seconds, 0.0) * 100
    return Sample(
        {NAME: share},
        cpu_seconds=keyed.cpu_seconds,
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(context.folder / f"{_KEYED}.duckdb"),
        details={
            "updates": count,
            "events_per_second": round(count / keyed.seconds),
            "events_per_second_without_key": round(count / plain.seconds),
            "cpu_share": round(100 * (1.0 - plain.cpu_seconds / keyed.cpu_seconds), 1),
        },
    )


def _ingest(context: Context, name: str, key: tuple[str, ...]) -> Meter:
    """Ingest the updates into a copy; opening it is not counted, the check-point at the end is."""
    from datawatch_lab.service.handle import open_workspace
    from datawatch_lab.service.intake import file_source, ingest_source

    path = context.folder / f"{name}.duckdb"
    shutil.copyfile(context.cache / path.name, path)
    lab = open_workspace(path, settings=_settings(key))
    with Meter() as meter:
        counts = ingest_source(lab, file_source(str(_updates(context))))
        lab.close()
    if counts.applied != context.size(FULL_UPDATES, QUICK_UPDATES):
        raise RuntimeError(f"{name}: {counts.applied} of {counts.received} updates applied")
    return meter


def _scaled(context: Context) -> str:
    rows = context.size(FULL, QUICK)
    return "" if rows == FULL else f"{rows:,} rows instead of {FULL:,}"


SCENARIO = Scenario(
    name=NAME,
    about="share of the time of an ingest of updates that live tables and their metrics take, "
    "5 million rows",
    figures=(Figure(NAME, "%", "lower"),),
    prepare=prepare,
    subject=subject,
    against="the same ingest into a table without a key, as the share is worked out",
    scaled=_scaled,
    seconds=3_600,
)
