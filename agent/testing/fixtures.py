"""Fixtures for pytest: `pytest_plugins = ["agent.testing.fixtures"]` in a `conftest.py` brings them in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.simulator import Simulator
from agent.testing.elsewhere import Elsewhere


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """The simulated broker, open at every hour; its `url` and `websocket_url` say where it listens.

    It runs in a thread of its own, so that a blocking client may be used.
    """
    elsewhere = Elsewhere("simulator")
    elsewhere.start()
    broker = Simulator(always_open=True)
    elsewhere.submit(broker.start()).result()
    try:
        yield broker
    finally:
        elsewhere.submit(broker.stop()).result()
        elsewhere.stop()
