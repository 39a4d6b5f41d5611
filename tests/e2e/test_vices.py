"""One plugin for each vice, all at once on a running agent: each costs itself alone, and is named."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .vices import MACHINES, install

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
DEADLINE_S = 30.0


class Beset:
    """A desk with all of them, and the file of a notifier that does its work."""

    def __init__(self, desk: Any, notices: Path, environment: dict[str, str]) -> None:
        self.desk = desk
        self.environment = environment
        self.notices = notices

    async def seen(self, holds: Callable[[Any, Any], bool]) -> Any:
        """Look at the document, at the pace of requests, until it holds of it and of its plugins."""
        document: Any = None
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    document = await self.desk.get()
                    plugins = {one["name"]: one for one in document["agent"]["plugins"]}
                    if holds(document, plugins):
                        return document
        except TimeoutError:
            raise AssertionError(f"not reached; the last document was {_short(document)}") from None

    def told(self) -> list[str]:
        if not self.notices.exists():
            return []
        return [json.loads(line)["code"] for line in self.notices.read_text().splitlines()]


def _short(document: Any) -> str:
    machines = {name: (one["state"], one["reason"]) for name, one in document["machines"].items()}
    plugins = {one["name"]: (one["state"], one["error"]) for one in document["agent"]["plugins"]}
    return json.dumps([machines, plugins], indent=1)


@pytest.fixture
async def beset(open_desk, tmp_path) -> Beset:
    site, notices = tmp_path / "site", tmp_path / "notices.jsonl"
    site.mkdir()
    names = install(site)
    tables = "".join(
        f'[machines.{name}]\nkind = "{name}"\nevery = "200ms"\ntimeout = "400ms"\n' for name in MACHINES
    )
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0]
        + f"[plugins]\nenable = {json.dumps(names)}\n{tables}"
        + '[notifiers.mute]\nkind = "mute"\ntimeout = "1s"\n'
        + f'[notifiers.told]\nkind = "told"\npath = "{notices}"\n'
    )
    environment = {"PYTHONPATH": str(site)}
    return Beset(await open_desk(environment=environment), notices, environment)


REASONS = {
    "hangs": ("QUARANTINED", "no answer within 0.4 s"),
    "ignores": ("QUARANTINED", "has not ended yet"),
    "sleeps": ("QUARANTINED", "has not ended yet"),
    "raises": ("QUARANTINED", "ValueError: broken inside"),
    "exits": ("QUARANTINED", "SystemExit: 3"),
    "unspeakable": ("QUARANTINED", "Silent: it cannot be shown"),
    "lies": ("QUARANTINED", "expected a Report, got dict"),
    "unbuildable": ("PLUGIN_ERROR", "SystemExit: no such device"),
    "bristles": ("PLUGIN_ERROR", "ValueError: do not look at me"),
}
"""What a machine says in the end whose vice is its own silence."""

ERRORS = {
    "interrupts": ("failing", "KeyboardInterrupt"),
    "cancels": ("failing", "CancelledError, though nobody had cancelled it"),
    "leaks": ("failing", "tasks of its own running"),
    "unloadable": ("failed", "SystemExit: not today"),
    "unhooked": ("failed", "GeneratorExit"),
    "watches": ("failing", "SystemExit: 6"),
}
"""What the agent says of a plugin whose vice is another."""


async def test_each_vice_costs_its_plugin_alone_and_the_document_names_it(beset, start) -> None:
    desk = beset.desk
    blocked = await beset.seen(lambda d, p: "held up the event loop" in (p["blocks"]["error"] or ""))
    assert "vice_blocks" in str([p["error"] for p in blocked["agent"]["plugins"]])
    assert blocked["machines"]["agent"]["measures"]["loop_stall_latest_ms"] > 1000
    for name, (reason, words) in REASONS.items():
        document = await beset.seen(lambda d, p, n=name, r=reason: d["machines"][n]["reason"] == r)
        assert document["machines"][name]["state"] == "UNKNOWN"
        assert words in document["machines"][name]["message"], name
    for name, (state, words) in ERRORS.items():
        await beset.seen(
            lambda d, p, n=name, s=state, w=words: (
                p[n]["state"] in (s, "quarantined") and w in (p[n]["error"] or "")
            )
        )
    await desk.login()
    document = await beset.seen(
        lambda d, p: d["ready"] and d["machines"]["agent"]["measures"]["pushes_merged"] > 0
    )
    assert document["machines"]["agent"]["state"] == "DEGRADED"
    unharmed = ("floods", "bombs", "subscribes", "steady")
    assert {document["machines"][name]["state"] for name in unharmed} == {"FINE"}

    before = document["machines"]["steady"]["measures"]["probes"]
    await beset.seen(lambda d, p: d["machines"]["steady"]["measures"]["probes"] > before)
    await desk.eventually(lambda: {"AUTH_REQUIRED", "MACHINE_UNKNOWN"} <= set(beset.told()))

    config = str(desk.folder / "agent.toml")
    listed = await start("plugins", "-c", config, "--url", desk.url, environment=beset.environment)
    assert await listed.ended() == 0
    said = "".join(listed.output)
    for name, state in (("raises", "quarantined"), ("steady", "loaded"), ("unloadable", "failed")):
        assert re.search(rf"^{name} +{state} ", said, re.MULTILINE), said

    control = desk.control()
    status, answer = await desk.post("/api/system/health/bombs/poke", headers=control)
    assert (status, "KeyboardInterrupt" in answer["detail"]) == (409, True)
    held = (await desk.get("/api/system/health/raises"))["since"]
    status, answer = await desk.post("/api/system/health/raises/release", headers=control)
    assert (status, answer["machine"]["since"]) == (200, held)
    await beset.seen(lambda d, p: d["machines"]["raises"]["reason"] == "PROBE_FAILED")

    said = "".join(desk.program.output)
    assert "the plugin blocks holds up the event loop at vice_blocks" in said
    assert "time.sleep(1.8)" in said
    assert await desk.program.stop() == 0
