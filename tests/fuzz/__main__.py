"""Fuzzing with atheris: ``python -m tests.fuzz TARGET… [--seconds N]``; ``all`` for every target.

Each target runs in a process of its own. What breaks a law is kept in ``corpus/<target>/``, where
`tests/fuzz/test_corpus.py` finds it from then on. The exit status is 1 when something was found.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

_KEEP_SEED = 120
_LONGEST = 4_096


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target in this process; does not return."""
    import atheris

    with atheris.instrument_imports(include=["datawatch_lab.ingest", "msgspec"]):
        import datawatch_lab.ingest.decode  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        for number, item in enumerate(_seeds(target)):
            Path(folder, str(number)).write_bytes(item)
        found = CORPUS / target
        found.mkdir(parents=True, exist_ok=True)
        arguments = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST}",
            "-timeout=20",
            "-rss_limit_mb=4096",
            "-print_final_stats=1",
            "-verbosity=0",
            f"-artifact_prefix={found}/",
            folder,
        ]
        atheris.Setup(arguments, TARGETS[target])
        atheris.Fuzz()


def _seeds(target: str) -> list[bytes]:
    """Nasty items to begin with, as the target takes them."""
    from tests.fuzz.nasty import everything

    short = [item for item in everything().values() if len(item) <= _LONGEST - 16]
    chosen = random.Random(target).sample(short, _KEEP_SEED)
    if target in ("file", "csv", "body", "telemetry"):
        return [bytes([number % 8]) + item for number, item in enumerate(chosen)]
    if target in ("lines", "image"):
        return chosen
    return [item[:200] for item in chosen]


def main() -> int:
    """Run the targets one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="+", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = list(TARGETS) if "all" in given.targets else given.targets
    if given.here:
        fuzz(names[0], given.seconds)
    broken = []
    for name in names:
        command = [sys.executable, "-m", "tests.fuzz", name, "--here"]
        done = subprocess.run(
            [*command, "--seconds", str(given.seconds)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=given.seconds + 300,
            check=False,
        )
        runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        count = runs[-1].split()[-1] if runs else "?"
        print(f"{name:24} {count:>10} inputs  {'well' if not done.returncode else 'BROKEN'}")
        if done.returncode:
            broken.append(name)
            print(done.stdout[-1500:], done.stderr[-3000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
