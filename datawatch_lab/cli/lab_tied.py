"""``python -m datawatch_lab.cli.lab_tied``: JupyterLab that ends with the program that started it.

As with a report (see `cli.report_tied`), standard input ends when that program is gone, also when
it was killed and could not say so. A JupyterLab left behind would keep its port and its kernels.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from jupyterlab.labapp import main

    from datawatch_lab.cli.report_tied import end_with_the_server

    end_with_the_server()
    sys.exit(main())
