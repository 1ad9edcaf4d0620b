"""Judge the forecasts on a folder of recorded series: ``python -m datawatch_lab.forecast DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from datawatch_lab.forecast.judge import Judged, judge, read_hourly
from datawatch_lab.forecast.registry import AUTO, chosen


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m datawatch_lab.forecast")
    parser.add_argument("data", type=Path, help="folder of CSV files: TimeStamp, Value")
    parser.add_argument("--origins", type=int, default=10, help="forecasts of each series")
    parser.add_argument("--model", default=AUTO, help="auto, thorough, or one")
    parser.add_argument("--series", action="store_true", help="also each series")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    found = judge(read_hourly(asked.data), chosen(asked.model), origins=asked.origins)
    shown = [each for each in found if asked.series or "/" not in each.name]
    if asked.as_json:
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
        return
    sys.stdout.write(table(shown))


def table(found: list[Judged]) -> str:
    """Figures as a Markdown table."""
    heads = (
        "| series | steps | forecasts | MASE | seasonal naive | coverage |\n" + "|---" * 6 + "|\n"
    )
    return heads + "".join(
        f"| {each.name} | {each.lead} | {each.forecasts} | {each.mase:.3f} | {each.naive:.3f} "
        f"| {each.coverage:.1%} |\n"
        for each in sorted(found, key=lambda each: (each.name == "all", each.name, each.lead))
    )


if __name__ == "__main__":
    main()
