"""Fixtures for all tests."""

from __future__ import annotations

from tests.postgres import (
    connections,
    database,
    empty_database,
    postgres_cluster,
    postgres_database,
)

__all__ = ["connections", "database", "empty_database", "postgres_cluster", "postgres_database"]
