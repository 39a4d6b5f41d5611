"""`openbell watch` as a process of its own: the desk's agent is killed, and comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import LIVE
from .test_notices import Hook
from .test_notices import hook as hook  # noqa: PLC0414 - a fixture


@pytest.fixture
def watcher(start: Any, hook: Hook, tmp_path: Path) -> Any:
    """Starts a watcher of an address, which tells the hook."""
    config = tmp_path / "second" / "watch.toml"
    config.parent.mkdir()
    config.write_text(
        'name = "second-host"\n[network]\nwatch = false\n'
        f'[notifiers.hook]\nkind = "webhook"\nallow_private = true\nurl = "http://127.0.0.1:{hook.port}/"\n'
        '[[route]]\nto = ["hook"]\nrule = ["agent-silent"]\n'
    )

    async def begin(url: str, *more: str) -> Any:
        program = await start("watch", url, "-c", str(config), "--after", "2s", *more)
        await program.says(r"openbell watches \S+; it tells hook")
        return program

    return begin


async def test_a_killed_agent_is_told_and_so_is_its_return(
    open_desk: Any,
    watcher: Any,
    start: Any,
    hook: Hook,
) -> None:
    desk = await open_desk(LIVE)
    await desk.until(lambda document: document["market"]["state"] == "LIVE")
    watching = await watcher(desk.url)
    await watching.says(r"→ AGENT_HEARD")
    desk.program.kill()
    await hook.until(lambda got: [kind for _, kind, _ in got] == ["problem"])
    told = json.loads(hook.got[0][2])
    assert (told["code"], told["severity"], told["agent"]) == ("AGENT_SILENT", "critical", "second-host")
    assert "is silent since" in told["message"]
    port = desk.url.rpartition(":")[2]
    again = await start(
        "demo", "--port", port, "--broker-port", "0", "--at", LIVE, "--data-dir", str(desk.folder)
    )
    await again.says("openbell is ready")
    await hook.until(lambda got: [kind for _, kind, _ in got] == ["problem", "recovery"])
    assert await watching.stop() == 0


async def test_an_agent_that_ends_outside_sessions_is_told_to_nobody(
    open_desk: Any,
    watcher: Any,
    hook: Hook,
) -> None:
    desk = await open_desk("2026-11-22T12:00:00+05:30")
    await desk.until(lambda document: document["market"]["state"] == "CLOSED")
    watching = await watcher(desk.url, "--verbose")
    await watching.says(r"→ AGENT_HEARD")
    assert await desk.program.stop() == 0
    await watching.says(r"RESTING")
    assert await watching.stop() == 0
    assert hook.got == []
