"""All the packages of `examples/` at once on one desk: each does its part, beside the broker's own feed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openbell_crypto.exchange import Exchange, served
from playwright.async_api import expect

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
PATIENCE_MS = 20_000
TOKEN = "12345:neverToBeSeen"
EXAMPLES = ("crypto", "panel", "positions", "telegram")


class Telegram:
    """A stand-in for Telegram's server; it wishes for a pause before it takes the first message."""

    def __init__(self) -> None:
        self.url = ""
        self.texts: list[str] = []
        self.turned_away = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == f"/bot{TOKEN}/sendMessage"
        if not self.turned_away:
            self.turned_away += 1
            return web.json_response({"ok": False, "parameters": {"retry_after": 1}}, status=429)
        self.texts.append((await request.json())["text"])
        return web.json_response({"ok": True, "result": {"message_id": len(self.texts)}})

    def tells(self, code: str) -> bool:
        return any(code in text.splitlines()[0] for text in self.texts)


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    stand_in = Telegram()
    application = web.Application()
    application.router.add_post("/{path:.*}", stand_in.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    await runner.cleanup()


@pytest.fixture
async def exchange() -> AsyncIterator[tuple[Exchange, str]]:
    venue = Exchange()
    async with served(venue) as url:
        yield venue, url


def tables(folder: Path, exchange_url: str, telegram_url: str) -> str:
    return f"""
[plugins]
enable = {json.dumps(EXAMPLES)}
[machines.crypto-market]
kind = "crypto-market"
group = "crypto"
[machines.crypto-feed]
kind = "crypto-feed"
group = "crypto"
url = "{exchange_url}"
stale_after = "2s"
every = "1s"
[machines.positions]
kind = "positions-file"
path = "{folder / "positions.json"}"
every = "1s"
[machines.checklist]
kind = "checklist"
[machines.checklist.items]
margin = "Margin is funded"
[notifiers.telegram]
kind = "telegram"
token = "{TOKEN}"
chat_id = "-100"
api_url = "{telegram_url}"
[readiness]
require = {{ auth = ["VALID"], feed = ["CONNECTED"], checklist = ["DONE"] }}
"""


async def test_an_exchange_positions_an_alarm_and_a_checklist_take_part_at_once(
    open_desk, open_page, strangers, exchange, telegram, tmp_path
) -> None:
    venue, url = exchange
    (tmp_path / "desk").mkdir()
    (tmp_path / "positions.json").write_text("{}")
    (tmp_path / "desk" / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0] + tables(tmp_path, url, telegram.url)
    )
    desk = await open_desk(environment={"PYTHONPATH": str(strangers)})
    await desk.login()
    document = await desk.until(
        lambda d: (
            d["code"] == "LIVE"
            and d["machines"]["crypto-feed"]["reason"] == "TICKING"
            and [one["machine"] for one in d["blockers"]] == ["checklist"]
        )
    )
    origins = {one["name"]: one["origin"] for one in document["agent"]["plugins"] if one["state"] == "loaded"}
    assert {name: origins[name] for name in EXAMPLES} == {name: f"openbell-{name}" for name in EXAMPLES}

    await tick(desk, by="<b>Asha</b>")
    await desk.until(lambda d: d["ready"] and d["tradable"])
    page = await open_page(desk)
    card = page.locator("article.machine", has=page.get_by_role("heading", name="checklist"))
    for text in ("Before the bell", "Margin is funded", "<b>Asha</b>"):
        await expect(card.get_by_text(text, exact=True)).to_be_visible(timeout=PATIENCE_MS)

    venue.system = "maintenance"
    document = await desk.code("EXCHANGE_MAINTENANCE")
    stale = [one for one in document["problems"] if one["code"] == "FEED_STALE"]
    assert (document["severity"], [one["suppressed_by"] for one in stale]) == (
        "warning",
        [["exchange-maintenance"]],
    )
    venue.speak()
    await desk.live()

    venue.mute()
    document = await desk.code("FEED_STALE")
    assert document["cause"]["machine"] == "crypto-feed"
    (tmp_path / "positions.json").write_text('{"BTC/USD": 1}')
    document = await desk.code("POSITIONS_BLIND")
    assert [one["group"] for one in document["problems"] if one["code"] == "POSITIONS_BLIND"] == ["crypto"]
    await desk.eventually(lambda: telegram.tells("POSITIONS_BLIND"))
    venue.speak()
    await desk.live()
    await desk.eventually(lambda: telegram.tells("Over:"))

    assert await desk.program.stop() == 0
    assert telegram.turned_away == 1
    assert "neverToBeSeen" not in "".join(desk.program.output)


async def tick(desk: Any, by: str) -> None:
    url = f"{desk.url}/plugins/panel/checklist/margin"
    async with desk.session.post(url, json={"by": by}) as refused:
        assert refused.status in (401, 403)
    async with desk.session.post(url, json={"by": by}, headers=desk.control()) as answer:
        assert (answer.status, (await answer.json())["ticked"]) == (200, {"margin": by})
