"""``python -m datawatch_lab.cli.report_tied``: a report that a server runs, and that ends with it.

The server holds the other end of standard input, which the system closes when the server is gone,
however it went. A report that outlived it would ask nobody, or take the workspace for itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def end_with_the_server() -> None:
    """From now on, end this process, and its group where it leads one, when standard input ends."""
    threading.Thread(target=_wait, name="datawatch-tied", daemon=True).start()


def _wait() -> None:
    while os.read(0, 1_024):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGTERM)
    else:  # the group is that of who started it by hand
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    from datawatch_lab.cli.program import main

    end_with_the_server()
    main(["report", *sys.argv[1:]])
