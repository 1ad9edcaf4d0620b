"""Telemetry: the streams with a schema of their own, and the bodies that are rows of them."""
