"""kill -9 at random moments: what was acknowledged is there, what was not is there whole or not."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.store import DuckStore
from tests.store.builders import appends, identify, ledger_rows, log_rows, make_commit, partial

BATCH = 20


def write_forever(path: Path) -> None:
    """Commit batch after batch, print each one's last seq when stored, compact now and then."""
    store = DuckStore.open(path, read_threads=1)
    seq = store.catalogue().last_seq
    while True:
        ids = [f"e{seq + n}" for n in range(1, BATCH + 1)]
        log = log_rows(store, ids, seq + 1)
        moments = log.column("ts").to_pylist()
        store.commit(
            make_commit(
                log=log,
                ledger=ledger_rows(("http", "orders", BATCH, BATCH, 0, 0, 0)),
                cursors={"metrics": seq + BATCH},
                appends=appends([partial(1, at, 1.0, seq + n) for n, at in enumerate(moments)]),
            )
        )
        seq += BATCH
        print(seq, flush=True)
        if seq % (3 * BATCH) == 0:
            store.compact()


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_leaves_whole_commits(tmp_path: Path, seed: int) -> None:
    """Log, ledger, cursor, measures and identities agree after each kill, and go on from there."""
    path = tmp_path / "shop.duckdb"
    script = (
        "import sys; from pathlib import Path; from tests.store.test_crash import write_forever; "
        "write_forever(Path(sys.argv[1]))"
    )
    chance = random.Random(seed)
    done = 0
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            done = max(done, int(process.stdout.readline()))
            time.sleep(chance.uniform(0, 0.4))
            process.kill()
            done = max([done, *map(int, process.stdout.read().split("\n")[:-1])])
        with DuckStore.open(path, read_threads=1) as store:
            last = store.catalogue().last_seq
            assert last in (done, done + BATCH)  # the last may be stored, not yet acknowledged
            assert store.catalogue().cursors == {"metrics": last}
            assert store.ledger() == {("http", "orders"): LedgerCounts(last, last)}
            seqs = [seq for frame in store.read_log(1) for seq in frame["seq"].to_list()]
            assert seqs == list(range(1, last + 1))
            check_measures(store, last)
            seen = identify(store, [f"e{n}" for n in range(1, last + 2)]).seen.tolist()
            assert seen == [True] * last + [False]


def check_measures(store: DuckStore, last: int) -> None:
    """Every level counts each event once."""
    with store._file.readers.cursor() as con:
        counts = con.execute(
            "SELECT level, sum(n) FROM measures.all_partials GROUP BY level ORDER BY level"
        ).fetchall()
    assert counts == [(level, last) for level in range(5)]
