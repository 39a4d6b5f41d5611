"""The market machine keeps the contract of a state machine."""

from __future__ import annotations

from agent.testing import StateMachineContract


class TestMarket(StateMachineContract):
    plugin = "plugins.market"
    kind = "market"
    healthy = ("LIVE", "SESSION")
    does_not_apply = {"troubles": "it reads a calendar from a file, and asks nobody"}
