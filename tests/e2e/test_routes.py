"""Routes of the real program: who hears of what, before and after somebody acknowledges, through a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.e2e.test_notices import FIRST, SHIPPED, Hook

NOTIFIER = '[notifiers.{name}]\nkind = "webhook"\nallow_private = true\nurl = "http://127.0.0.1:{port}/"'

ROUTES = """
[[route]]
to = ["chat"]
escalate = { after = "2s", to = ["head"] }

[[route]]
to = ["feed-team"]
machine = ["feed"]
"""


@pytest.fixture
async def hooks() -> AsyncIterator[dict[str, Hook]]:
    made = {name: Hook() for name in ("chat", "head", "feed-team")}
    servers = []
    for hook in made.values():
        servers.append(await asyncio.start_server(hook.serve, "127.0.0.1", 0))
        hook.port = servers[-1].sockets[0].getsockname()[1]
    yield made
    for server in servers:
        server.close()


def reasons(hook: Hook) -> list[str]:
    """Why it was told what, each notice once: one that a kill cut off comes again, as the same."""
    return [json.loads(body)["reason"] for _, _, body in {got[0]: got for got in hook.got}.values()]


async def told(hook: Hook, *wanted: str) -> None:
    await hook.until(lambda got: reasons(hook) == list(wanted))


async def acknowledge(desk: Any) -> None:
    await desk.open_page()
    incident = await desk.open_incident("FEED_STALE")
    status, _ = await desk.post(
        f"/api/system/incidents/{incident['id']}/ack", json={"who": "asha", "why": "logging in"}
    )
    assert status == 200


async def test_who_does_not_acknowledge_is_helped_and_the_end_goes_to_all_who_knew(
    open_desk, tmp_path, hooks
) -> None:
    notifiers = "\n".join(NOTIFIER.format(name=name, port=hook.port) for name, hook in hooks.items())
    (tmp_path / "agent.toml").write_text(f"{SHIPPED}\n{notifiers}\n{ROUTES}")
    desk = await open_desk(FIRST.isoformat(), data=tmp_path)
    await told(hooks["head"], "ESCALATED")
    assert reasons(hooks["chat"]) == ["FIRST"]

    desk.program.kill()
    await desk.program.ended()
    desk = await open_desk(FIRST.replace(minute=10).isoformat(), data=tmp_path)
    await desk.login()
    await told(hooks["chat"], "FIRST", "RECOVERED")
    await told(hooks["head"], "ESCALATED", "RECOVERED")
    assert hooks["feed-team"].got == []

    await desk.sim("feed", fault="stall")
    await told(hooks["feed-team"], "FIRST")
    await acknowledge(desk)
    await desk.sim("feed", fault=None)
    await told(hooks["feed-team"], "FIRST", "RECOVERED")
    await told(hooks["chat"], "FIRST", "RECOVERED", "FIRST", "RECOVERED")
