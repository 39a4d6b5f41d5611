"""The plugin's machine, on the agent's own test bench."""

from __future__ import annotations

import json

from openbell_positions import Positions, PositionsSettings

from agent.testing import Bench


def test_an_open_position_is_seen(tmp_path) -> None:
    path = tmp_path / "positions.json"
    machine = Positions(PositionsSettings(path=path), Bench())
    path.write_text(json.dumps({"RELIANCE": 50, "INFY": 0}))
    report = machine.probe()
    assert (report.state, report.attributes) == ("OPEN", {"positions": {"RELIANCE": 50}})
    path.write_text("{}")
    assert machine.probe().state == "FLAT"
