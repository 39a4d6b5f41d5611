"""The simulator as a process of its own, and as one that goes away and comes back."""

from __future__ import annotations

import os
import signal

import aiohttp
import pytest

from agent.simulator import Simulator, serve
from tests.agent.simulator.conftest import RELIANCE, Desk, OpenDesk, next_frame


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    heard: list[str] = []

    def ready(simulator: Simulator) -> None:
        heard.append(simulator.url)
        os.kill(os.getpid(), number)

    await serve(Simulator(), ready)
    assert heard[0].startswith("http://127.0.0.1:")


async def test_after_an_outage_it_is_where_it_was_and_honours_the_same_tokens(desk: Desk) -> None:
    token, url = await desk.login(), desk.simulator.url
    await desk.simulator.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await desk.profile_status(token)
    await desk.simulator.start()
    assert desk.simulator.url == url
    assert await desk.profile_status(token) == 200
    async with desk.stream(token) as socket:
        await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
        for _ in range(2):
            assert len(await next_frame(socket)) == 1


async def test_it_listens_on_ipv6_as_well(open_desk: OpenDesk) -> None:
    try:
        async with open_desk(host="::1") as desk, desk.stream(await desk.login()):
            assert desk.simulator.url == f"http://[::1]:{desk.simulator.port}"
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
