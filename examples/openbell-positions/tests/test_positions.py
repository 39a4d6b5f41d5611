"""The plugin keeps openbell's contracts, and its machine does what it says."""

from __future__ import annotations

import json

from openbell_positions import Positions, PositionsSettings

from agent.testing import Arrival, Bench, NotifierContract, StateMachineContract


class TestPositionsContract(StateMachineContract):
    plugin = "openbell_positions"
    kind = "positions-file"
    healthy = ("OPEN", "HELD")
    does_not_apply = {"troubles": "it reads a file, and asks nobody"}

    def settings(self, url):
        path = self.folder / "positions.json"
        path.write_text(json.dumps({"RELIANCE": 50}))
        return {"path": path}


class TestFileContract(NotifierContract):
    plugin = "openbell_positions"
    kind = "file"
    does_not_apply = {"troubles": "it writes to a file, and asks nobody"}

    def settings(self, url):
        return {"path": self.folder / "notices.jsonl"}

    def arrivals(self, exchange):
        lines = (self.folder / "notices.jsonl").read_text().splitlines()
        return [Arrival(json.loads(line)["id"], line) for line in lines]


def test_an_open_position_is_seen(tmp_path) -> None:
    path = tmp_path / "positions.json"
    machine = Positions(PositionsSettings(path=path), Bench())
    path.write_text(json.dumps({"RELIANCE": 50, "INFY": 0}))
    report = machine.probe()
    assert (report.state, report.attributes) == ("OPEN", {"positions": {"RELIANCE": 50}})
    path.write_text("{}")
    assert machine.probe().state == "FLAT"
