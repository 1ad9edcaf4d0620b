"""Changes of a PostgreSQL slot, durable in a workspace, beside the driver that only counts them."""

from __future__ import annotations

import contextlib

from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError, of_size

NAME, SOURCE = "ingest_postgres", "ingest_postgres_source"
FULL, QUICK = 200_000, 4_000


def subject(context: Context) -> Sample:
    """Write inserts, updates and deletes; read them by each way in turn, thrice; medians.

    Raises:
        UnmeasurableError: there is no server or no driver here.
    """
    try:
        from tests.e2e import pg_speed
        from tests.services import postgres
    except ModuleNotFoundError as error:
        raise UnmeasurableError(f"{error.name} is not installed") from None
    if postgres.find() is None:
        raise UnmeasurableError(f"no PostgreSQL here; {postgres.HOW_TO_GET_ONE}")
    with Meter() as meter, contextlib.closing(postgres.Server()) as server:
        found = pg_speed.measure(server, context.folder, context.size(FULL, QUICK))
    return Sample(
        {NAME: found.whole, SOURCE: found.source},
        {NAME: found.plain, SOURCE: found.plain},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        details={"rows": found.rows, "server": server.version},
    )


SCENARIO = Scenario(
    name=NAME,
    about="changes of a PostgreSQL slot, durable in a workspace; as typed batches alone",
    figures=(Figure(NAME, "rows/s", "higher"), Figure(SOURCE, "rows/s", "higher")),
    subject=subject,
    against="the driver's replication cursor alone, in turns",
    scaled=of_size(FULL, QUICK, "changes"),
    runs=1,
)
