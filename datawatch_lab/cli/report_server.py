"""Scheduled reports beside a server of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace


@contextmanager
def scheduled_reports(workspace: Workspace) -> Iterator[None]:
    """Run the reports of a workspace of this process by themselves while a block runs.

    Their notebooks ask the server, so it is there before the block and goes after it: at the end
    the report that runs is cut off, and made once more at the next start.
    """
    from datawatch_lab.service.callers import LocalCaller
    from datawatch_lab.service.reporting import end_reports, start_reports

    caller = workspace.caller
    if not isinstance(caller, LocalCaller):
        yield
        return
    start_reports(caller.engine)
    try:
        yield
    finally:
        end_reports(caller.engine)
