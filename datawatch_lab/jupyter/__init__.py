"""DataWatch in Jupyter: a server extension that has the engine, and a prebuilt labextension.

`extension` finds or starts the engine of a workspace and serves it below Jupyter's own address and
login (``<base>/datawatch/…``); `src` is the side bar in TypeScript, built into ``labextension``.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

LABEXTENSION = "datawatch-lab"
"""Name of the labextension, and of the folder that it is installed in."""


def labextensions() -> Path:
    """The folder of the built labextension, for JupyterLab's ``extra_labextensions_path``."""
    return Path(str(files(__name__))) / "labextension"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where JupyterLab finds the built labextension."""
    return [{"src": f"labextension/{LABEXTENSION}", "dest": LABEXTENSION}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """What Jupyter's server loads."""
    from datawatch_lab.jupyter.extension import DataWatchExtension

    return [{"module": "datawatch_lab.jupyter", "app": DataWatchExtension}]
