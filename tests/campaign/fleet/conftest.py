"""A PostgreSQL of the campaign's own: it falls now and then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Database, running_cluster


@pytest.fixture
def fallible() -> Iterator[Database]:
    """An empty database on a server that nobody else uses."""
    with running_cluster() as cluster:
        yield Database(cluster, cluster.create())
