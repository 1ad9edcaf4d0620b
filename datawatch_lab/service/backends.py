"""Metric back ends as the configuration names them, handed to the engine of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.watching import Finding

if TYPE_CHECKING:
    from datawatch_lab.core.backends import Backend
    from datawatch_lab.core.config.keys import Config
    from datawatch_lab.core.config.sections import BackendsSection
    from datawatch_lab.engine import Engine


def apply_backends(engine: Engine, config: Config) -> None:
    """Write to the back ends of the section ``storage`` from now on.

    Raises:
        ConfigError: what is said of one cannot be used.
    """
    from datawatch_lab.engine.backends import configured

    engine.backends.use(list(configured(_section(config))))


def check_backends(config: Config) -> list[Finding]:
    """Whether each back end of the configuration answers, with what to do where one does not.

    Raises:
        ConfigError: what is said of one cannot be used.
    """
    from datawatch_lab.engine.backends import configured

    findings = []
    for backend in configured(_section(config)):
        health = backend.health()
        said = f"{backend.address} answers, version {health.version}"
        findings.append(
            Finding(
                check=backend.name,
                ok=health.ok,
                detail=said if health.ok else health.problem,
                blocking=not health.fresh,
            )
        )
        findings += _kept(backend, config) if health.ok else []
        backend.close()
    return findings


def _kept(backend: Backend, config: Config) -> list[Finding]:
    """Whether a back end that decides for itself keeps minutes as long as the workspace does."""
    from datawatch_lab.core.backends import BackendError, KeptFor

    try:
        short = backend.shortfall(KeptFor.of(config.settings))
    except BackendError as error:
        short = str(error)
    if not short:
        return []
    return [Finding(check=f"{backend.name} retention", ok=False, detail=short, blocking=False)]


def _section(config: Config) -> BackendsSection:
    """The section, with remote write on where ``metrics.storage`` names Prometheus."""
    section = config.backends
    if config.metrics.storage == "prometheus" and section.prometheus_url:
        remote = section.prometheus_remote_write or True
        return msgspec.structs.replace(section, prometheus_remote_write=remote)
    return section
