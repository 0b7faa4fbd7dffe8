"""Whether traces are wanted: by our setting, or by the variables that every OpenTelemetry program goes by."""

from __future__ import annotations

import os
from collections.abc import Mapping

from presente.settings.settings import Settings

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def traces_wanted(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """Whether traces are to be sent. ``environment`` is the process's own when None.

    With ``auto`` they are where OTEL_TRACES_EXPORTER is ``otlp``, or names nothing and there is an OTLP endpoint;
    OTEL_SDK_DISABLED=true turns them off.
    """
    environment = os.environ if environment is None else environment
    if settings.traces != "auto":
        return settings.traces == "otlp"
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if exporters:
        return "otlp" in exporters
    return any(environment.get(name) for name in _ENDPOINTS)
