"""Command line of the benchmarks: run, list, compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare import comparison, comparison_table, load
from benchmarks.results import aligned, number, table
from benchmarks.running import QUICK_SECONDS, run, scratch
from benchmarks.scenarios import NAMES, scenario_named, scenarios_for
from benchmarks.targets import TARGETS


def main(words: Sequence[str] | None = None) -> int:
    """Run the chosen verb; 0 when it ran, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures DataWatch Lab; see benchmarks/README.md."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    running = verbs.add_parser("run", help="measure all scenarios, or those named")
    running.add_argument("names", nargs="*", metavar="NAME", help="a scenario or a figure")
    running.add_argument("--quick", action="store_true", help="scaled down, within a minute")
    running.add_argument(
        "--scale", type=float, default=1.0, metavar="S", help="size of long scenarios, up to 1"
    )
    running.add_argument("--kills", type=int, default=50, metavar="N", help="of `kill`")
    running.add_argument("--json", metavar="FILE", help="where to; - is standard output")
    listing = verbs.add_parser("list", help="the scenarios, their figures and targets")
    listing.add_argument("--json", action="store_true")
    comparing = verbs.add_parser("compare", help="two files of results, or commits, side by side")
    comparing.add_argument("before", metavar="A")
    comparing.add_argument("after", metavar="B")
    comparing.add_argument("--json", action="store_true")
    options = parser.parse_args(words)
    if options.verb == "run":
        if not 0 < options.scale <= 1 or options.kills < 1:
            parser.error("--scale is above 0 and at most 1, --kills at least 1")
        return _run(parser, options)
    if options.verb == "list":
        return _list(as_json=options.json)
    changes = comparison(load(options.before), load(options.after))
    print(json.dumps(changes, indent=2) if options.json else comparison_table(changes))
    return 0


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    try:
        chosen = scenarios_for(options.names)
    except LookupError as error:
        parser.error(str(error.args[0]))
    if options.json and options.json != "-":
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    how = {"quick": options.quick, "scale": options.scale, "kills": options.kills}
    with scratch(**how) as context:
        seconds = QUICK_SECONDS if options.quick else None
        found = run(chosen, context, _say, seconds)
    results = {name: each.plain() for name, each in found.items()}
    text = json.dumps(results, indent=2)
    if options.json == "-":
        print(text)
        return 0
    if options.json:
        Path(options.json).write_text(text + "\n", "utf-8")
    print(table(results))
    return 0


def _list(*, as_json: bool) -> int:
    scenarios = [scenario_named(name) for name in NAMES]
    if as_json:
        plain = [
            {
                "name": each.name,
                "about": each.about,
                "against": each.against,
                "figures": [figure.name for figure in each.figures],
            }
            for each in scenarios
        ]
        print(json.dumps(plain, indent=2))
        return 0
    rows = [("figure", "unit", "must", "goal", "against", "what")]
    for each in scenarios:
        for figure in each.figures:
            target = TARGETS.get(figure.name)
            mark = "×" if target and target.of == "ratio" else ""
            wanted = (target.must, target.goal) if target else (None, None)
            must, goal = (number(value, mark) for value in wanted)
            rows.append((figure.name, figure.unit, must, goal, each.against or "–", each.about))
    print("\n".join(aligned(rows)))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
