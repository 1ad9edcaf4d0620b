"""A real server in a process of its own: ``python -m tests.client.server FILE PORT``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.client.conftest import serve


def main() -> None:
    """Serve until killed."""
    found = serve(Path(sys.argv[1]), int(sys.argv[2]))
    print(found.address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
