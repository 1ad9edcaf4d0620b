"""kill -9 while live tables are written and folded: each commit is there whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datawatch_lab.core.values import Column
from datawatch_lab.store import DuckStore
from tests.store.builders import make_commit
from tests.store.live_builders import SHOP, fold_all, put_rows, read, view, with_columns

KEYS = 60


def table_at(step: int) -> object:
    """The table with a column more every ten steps, up to five."""
    more = [Column(name=f"c{n}", type="integer") for n in range(min(step // 10, 5))]
    return with_columns(SHOP, Column(name="id"), Column(name="step", type="integer"), *more)


def rows_at(step: int) -> dict[tuple[int, int], dict[str, int] | None]:
    """Every key is put at each step, with its number; a few are gone."""
    extra = {f"c{n}": step for n in range(min(step // 10, 5))}
    return {
        (0, n): None if (n + step) % 7 == 0 else {"id": n, "step": step, **extra}
        for n in range(KEYS)
    }


def write_forever(path: Path) -> None:
    """Commit step after step and fold in between; print what was stored."""
    with DuckStore.open(path, read_threads=1) as store:
        step = store.catalogue().cursors.get("step", 0)
        while True:
            step += 1
            store.commit(
                make_commit(
                    tables=[table_at(step)],
                    live=[put_rows(rows_at(step), table_at(step))],  # type: ignore[arg-type]
                    cursors={"step": step},
                )
            )
            print(step, flush=True)
            store.compact_live(least=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_writer_leaves_whole_live_tables(tmp_path: Path, seed: int) -> None:
    """The rows are those of one step, the one that the cursor names, and it goes on from there."""
    path = tmp_path / "shop.duckdb"
    script = (
        "import sys; from pathlib import Path; from tests.store.test_live_crash import "
        "write_forever; write_forever(Path(sys.argv[1]))"
    )
    chance = random.Random(seed)
    done = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            done = max(done, int(process.stdout.readline()))
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
            done = max([done, *map(int, process.stdout.read().split("\n")[:-1])])
        with DuckStore.open(path, read_threads=1) as store:
            step = store.catalogue().cursors["step"]
            assert step in (done, done + 1)  # the last may be stored, not yet acknowledged
            expected = {key: row for key, row in rows_at(step).items() if row is not None}
            for _ in range(2):
                assert view(store, "id, step") == [(n, step) for _, n in sorted(expected)]
                assert set(read(store, list(rows_at(step)), ["id"])) == set(rows_at(step))
                assert store.live_count(SHOP) == len(expected)
                fold_all(store)
