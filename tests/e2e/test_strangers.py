"""Packages from outside the tree take part by entry point, alone and all at once."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from agent.skeleton import Names, Shape, write

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()


def configuration(folder: Path, extra: str) -> None:
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text(SHIPPED.split("# --- what makes the desk ready")[0] + extra)


async def test_a_machine_a_notifier_and_a_rule_from_elsewhere_take_part(
    open_desk, strangers, tmp_path
) -> None:
    positions, notices = tmp_path / "positions.json", tmp_path / "notices.jsonl"
    positions.write_text('{"RELIANCE": 50}')
    configuration(
        tmp_path / "desk",
        f"""
[plugins]
enable = ["positions"]
[machines.positions]
kind = "positions-file"
path = "{positions}"
every = "1s"
[notifiers.file]
kind = "file"
path = "{notices}"
""",
    )
    desk = await open_desk(environment={"PYTHONPATH": str(strangers)})
    await desk.login()
    document = await desk.until(
        lambda d: d["ready"] and d["code"] == "LIVE" and d["machines"]["positions"]["state"] == "OPEN"
    )
    assert document["machines"]["positions"]["attributes"] == {"positions": {"RELIANCE": 50}}
    listed = {one["name"]: one for one in document["agent"]["plugins"]}
    assert (listed["positions"]["state"], listed["positions"]["origin"]) == ("loaded", "openbell-positions")
    await desk.sim("feed", fault="stall")
    blind = await desk.code("POSITIONS_BLIND")
    assert blind["message"].startswith("Positions are open and no data comes in")
    await desk.sim("feed", fault=None)
    await desk.live()
    assert await desk.program.stop() == 0
    told = [json.loads(line)["type"] for line in notices.read_text().splitlines()]
    assert told.count("recovery") >= 1
    assert told[-1] == "recovery"


@pytest.fixture
def begun(tmp_path) -> Path:
    """A folder with a package as `openbell plugins new` writes it, installed there."""
    folder = tmp_path / "site"
    [module] = [
        path for path in write(Names("margin"), Shape.MACHINE, tmp_path) if path.name == "__init__.py"
    ]
    shutil.copytree(module.parent, folder / "openbell_margin")
    info = folder / "openbell_margin-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-margin\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[openbell]\nmargin = openbell_margin\n")
    return folder


async def test_a_package_as_it_is_begun_takes_part(open_desk, begun, tmp_path) -> None:
    sample = (tmp_path / "openbell-margin" / "sample.toml").read_text()
    nobody = socket.create_server(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    nobody.close()
    configuration(
        tmp_path / "desk", sample.replace(":9999", f":{port}").replace('every = "5s"', 'every = "1s"')
    )
    desk = await open_desk(environment={"PYTHONPATH": str(begun)})
    document = await desk.until(lambda d: d["machines"]["margin"]["state"] == "DOWN")
    assert document["machines"]["margin"]["reason"] == "UNREACHABLE"
    listed = {one["name"]: one for one in document["agent"]["plugins"]}
    assert (listed["margin"]["state"], listed["margin"]["origin"]) == ("loaded", "openbell-margin")
    assert await desk.program.stop() == 0


async def test_a_plugin_is_listed_with_its_kinds_and_where_it_came_from(start, begun, tmp_path) -> None:
    environment = {"PYTHONPATH": str(begun)}
    available = await start("plugins", environment=environment)
    await available.says(
        r"margin +available +openbell-margin 0\.1\.0 .*enable = \[\"margin\"\].*openbell_margin"
    )
    (tmp_path / "agent.toml").write_text('[plugins]\nenable = ["margin"]\n')
    loaded = await start("plugins", "--json", environment=environment)
    assert await loaded.ended() == 0
    [margin] = [one for one in json.loads("".join(loaded.output)) if one["name"] == "margin"]
    assert (margin["state"], margin["kinds"], margin["error"]) == ("loaded", ["margin"], None)
    assert margin["location"] == str(begun / "openbell_margin" / "__init__.py")


async def test_a_plugin_is_enabled_and_taken_away_while_the_agent_runs(
    open_desk, strangers, tmp_path
) -> None:
    configuration(tmp_path / "desk", "")
    desk = await open_desk(environment={"PYTHONPATH": str(strangers)})
    await desk.login()
    await desk.live()
    positions, more = tmp_path / "positions.json", tmp_path / "desk" / "agent.d" / "positions.toml"
    positions.write_text('{"RELIANCE": 50}')
    more.parent.mkdir()
    more.write_text(
        '[plugins]\nenable = ["positions"]\n'
        f'[machines.positions]\nkind = "positions-file"\npath = "{positions}"\n'
    )
    document = await desk.until(lambda d: d["machines"].get("positions", {}).get("state") == "OPEN")
    assert "positions" in [one["name"] for one in document["agent"]["plugins"] if one["state"] == "loaded"]
    assert document["ready"]
    await desk.sim("feed", fault="stall")
    await desk.code("POSITIONS_BLIND")
    more.unlink()
    await desk.until(lambda d: "positions" not in d["machines"] and d["code"] == "FEED_STALE")
