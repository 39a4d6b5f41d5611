"""Fixtures for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.postgres import (
    connections,
    database,
    empty_database,
    postgres_cluster,
    postgres_database,
)

__all__ = ["connections", "database", "empty_database", "postgres_cluster", "postgres_database"]

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # a machine that has other things to do makes no law untrue
