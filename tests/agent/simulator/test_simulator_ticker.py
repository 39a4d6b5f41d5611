"""The real `KiteTicker`, unmodified, against the simulator."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.simulator.instruments import INSTRUMENTS
from tests.agent.simulator.conftest import NIFTY, RELIANCE, Desk, OpenDesk

SCRIPT = Path(__file__).with_name("ticker_script.py")
TOKENS = [instrument.token for instrument in INSTRUMENTS]


async def ticker(
    desk: Desk, access_token: str, *, mode: str = "full", tokens: Any = TOKENS, most: int = 2
) -> Any:
    """What the client heard, until it was called `most` times."""
    arguments = (desk.simulator.websocket_url, access_token, mode, json.dumps(tokens), str(most))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


SHARED = {
    "last_traded_quantity": "last_quantity",
    "average_traded_price": "average_price",
    "volume_traded": "volume",
    "total_buy_quantity": "buy_quantity",
    "total_sell_quantity": "sell_quantity",
    "oi": "oi",
    "oi_day_high": "oi_day_high",
    "oi_day_low": "oi_day_low",
    "depth": "depth",
}
"""What the ticker calls it, and what the quote does."""


@pytest.mark.parametrize("mode", ["ltp", "quote", "full"])
async def test_every_instrument_is_decoded_to_the_values_sent(open_desk: OpenDesk, mode: str) -> None:
    async with open_desk(tick_interval=60) as desk:
        observed, state = await heard_and_sent(desk, mode)
    ticks = {tick["instrument_token"]: tick for tick in observed["ticks"][-1]}
    assert sorted(ticks) == sorted(TOKENS)
    for token, tick in ticks.items():
        sent = state["values"][str(token)]
        assert tick["mode"] == mode
        assert tick["last_price"] == sent["last_price"]
        if mode != "ltp":
            assert tick["ohlc"] == sent["ohlc"]
        if mode == "full":
            assert tick["exchange_timestamp"] == sent["at"]
        for theirs, ours in SHARED.items():
            if theirs in tick:
                assert tick[theirs] == sent[ours], theirs
    assert ("depth" in ticks[RELIANCE]) is (mode == "full")
    assert ticks[RELIANCE]["tradable"] is not ticks[NIFTY]["tradable"]


async def heard_and_sent(desk: Desk, mode: str) -> tuple[Any, Any]:
    """The cached packets alone, so that both sides speak of the same second."""
    async with desk.stream(await desk.login()) as keeper:
        await keeper.send_json({"a": "subscribe", "v": TOKENS})
        observed = await ticker(desk, await desk.login(), mode=mode, most=1 if mode == "quote" else 2)
        return observed, await desk.state(values="1")


async def test_a_bad_token_is_refused_as_the_real_one_is(desk: Desk) -> None:
    heard = await ticker(desk, "x" * 32, most=1)
    assert heard["ticks"] == []
    [[code, reason]] = heard["closes"]
    assert code == 1006
    assert "403" in reason


async def test_orders_and_errors_arrive_as_the_client_expects_them(desk: Desk) -> None:
    hearing = asyncio.create_task(ticker(desk, await desk.login(), tokens=[RELIANCE], most=40))
    async with asyncio.timeout(60):
        while not (await desk.state())["connections"]:
            pass
    await desk.order("message", {"text": "rejected", "type": "order"})
    await desk.order("message", {"text": "a word from the broker", "type": "error"})
    heard = await hearing
    assert heard["orders"][0]["status_message"] == "rejected"
    assert [0, "a word from the broker"] in heard["errors"]


async def test_too_many_instruments_are_an_error_and_the_rest_ticks(desk: Desk) -> None:
    heard = await ticker(
        desk, await desk.login(), mode="ltp", tokens=[n << 8 | 1 for n in range(1, 3002)], most=3
    )
    assert heard["errors"][0] == [0, "Can't subscribe to more than 3000 instruments"]
    assert len(heard["ticks"][-1]) == 3000


async def test_malformed_frames_cost_the_client_its_connection(desk: Desk) -> None:
    await desk.order("feed", {"fault": "malformed", "kind": "count"})
    heard = await ticker(desk, await desk.login(), tokens=[RELIANCE], most=3)
    assert heard["closes"] or (await desk.state())["handshakes"]["101"] > 1
