"""What telemetry streams say: services, dashboards, behaviour, tasks; made once for all who ask."""
