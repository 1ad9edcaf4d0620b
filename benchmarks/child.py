"""One part of one scenario in a process of its own; `running` starts it and reads what it writes.

``python -m benchmarks.child SCENARIO PART OUT`` with the context as JSON on standard input. OUT
gets the sample as JSON, or ``{"reason": …}``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.meters import keep_to_cores
from benchmarks.model import Context, UnmeasurableError


def context_of(plain: dict[str, Any]) -> Context:
    """A context from its JSON."""
    return Context(**{**plain, "folder": Path(plain["folder"]), "cache": Path(plain["cache"])})


def plain_of(context: Context) -> dict[str, Any]:
    """A context as JSON."""
    return {**asdict(context), "folder": str(context.folder), "cache": str(context.cache)}


def main() -> None:
    """Measure, and write what was found."""
    from benchmarks.scenarios import scenario_named

    name, part, out = sys.argv[1:]
    context = context_of(json.load(sys.stdin))
    keep_to_cores()
    scenario = scenario_named(name)
    answer: dict[str, Any]
    try:
        sample = getattr(scenario, part)(context)
        answer = {} if sample is None else asdict(sample)
    except UnmeasurableError as error:
        answer = {"reason": str(error)}
    except ModuleNotFoundError as error:
        if error.name not in scenario.needs:
            raise
        answer = {"reason": f"the package {error.name} is not installed: pip install {error.name}"}
    Path(out).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
