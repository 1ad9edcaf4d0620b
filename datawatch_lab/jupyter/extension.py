"""The extension of Jupyter's server: the workspace, its engine, and what stands below Jupyter."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, Unicode

from datawatch_lab.jupyter.engines import Engines
from datawatch_lab.jupyter.handlers import StartHandler, StateHandler, StopHandler, SummaryHandler
from datawatch_lab.jupyter.proxy import ROOT, EngineProxy
from datawatch_lab.jupyter.supervisor import Engine, Supervisor

_ENVIRONMENT = "DATAWATCH_WORKSPACE"
_DEFAULT = "datawatch.duckdb"


class DataWatchExtension(ExtensionApp):
    """Finds or starts the engine of a workspace, and serves it at ``<base>/datawatch/``.

    An engine that is started here goes on when Jupyter ends, and the next Jupyter finds it.
    """

    name = "datawatch"
    extension_url = f"/{ROOT}/"
    load_other_extensions = True

    workspace = Unicode(
        help="The workspace file; by default $DATAWATCH_WORKSPACE or ./datawatch.duckdb."
    ).tag(config=True)
    autostart = Bool(
        default_value=True,
        help="Start the engine with Jupyter where the workspace exists and nobody serves it.",
    ).tag(config=True)
    config_of_engine = Unicode(help="A YAML file of settings for an engine started here.").tag(
        config=True
    )
    address = Unicode(
        help="An engine at a fixed address, such as http://10.0.0.5:3002; none is started then."
    ).tag(config=True)
    token_file = Unicode(help="File with the token that the engine at `address` asks for.").tag(
        config=True
    )

    def initialize_handlers(self) -> None:
        """Mount what `proxy` and `handlers` answer."""
        path = Path(self.workspace or os.environ.get(_ENVIRONMENT) or _DEFAULT).absolute()
        config = Path(self.config_of_engine).absolute() if self.config_of_engine else None
        # Kernels inherit it, so that notebooks of any folder find the same engine.
        os.environ[_ENVIRONMENT] = str(path)
        self.engines = Engines(Supervisor(path, config=config), self._elsewhere())
        how = {"engines": self.engines}
        self.handlers.extend(
            [
                (rf"/{ROOT}/-/state", StateHandler, how),
                (rf"/{ROOT}/-/start", StartHandler, how),
                (rf"/{ROOT}/-/stop", StopHandler, how),
                (rf"/{ROOT}/-/summary", SummaryHandler, how),
                (rf"/{ROOT}/?(.*)", EngineProxy, how),
            ]
        )
        self.engines.begin(start=self.autostart and path.exists())
        base = "/" if self.serverapp is None else self.serverapp.base_url
        self.log.info("DataWatch: %s stands at %s/", path, url_path_join(base, ROOT))

    def _elsewhere(self) -> Engine | None:
        if not self.address:
            return None
        token = Path(self.token_file).read_text("utf-8").strip() if self.token_file else None
        return Engine(self.address.rstrip("/"), token)

    async def stop_extension(self) -> None:
        """Jupyter ends; the engine goes on."""
        self.engines.end()
