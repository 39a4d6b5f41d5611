"""The machine at its edges: secrets, certificates, hangs, leaks, one connection at a time."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import ssl
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.api import ActionError, Expectation
from agent.clock import SystemClock
from agent.testing import Bench, running
from plugins.feed import kite_feed
from plugins.feed.settings import KiteFeedSettings
from plugins.feed.transport import MAX_MESSAGE, HandshakeRefusedError, UnreachableError, connect
from tests.plugins.feed.conftest import FAST, Broker, beat, feed_at, full_packet, serving

SECRET = "SECRETTOKEN123"
IDLE = Expectation.NOTHING


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_no_failure_shows_the_token(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    places = {
        "refused": broker.url,
        "closed port": "http://127.0.0.1:9",
        "no answer": f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}",
        "no such name": "http://no-such-host.invalid",
        "no such port": "http://127.0.0.1:99999",
    }
    broker.refuse_with = 403
    seen = []
    for url in places.values():
        async with feed_at(url, SECRET) as desk:
            await desk.until("CONNECTING")
            report = await desk.until("DISCONNECTED")
            seen += [repr(report), repr(vars(desk.feed)), repr(desk.credential.state)]
    hanging.close()
    seen += [record.getMessage() + repr(record.exc_info) for record in caplog.records]
    assert broker.queries == [{"api_key": "demo", "access_token": SECRET}]
    assert not [text for text in seen if SECRET in text]


async def test_an_error_of_the_handshake_carries_no_trace_of_the_address(broker: Broker) -> None:
    broker.refuse_with = 403
    async with aiohttp.ClientSession() as session:
        for url in (broker.url, "http://127.0.0.1:9"):
            with pytest.raises((HandshakeRefusedError, UnreachableError)) as caught:
                await connect(session, f"{url}/?t={SECRET}", {}, clock=SystemClock(), timeout_s=2)
            error = caught.value
            assert error.__cause__ is None
            assert error.__suppress_context__ or error.__context__ is None
            assert SECRET not in repr(error)


async def test_a_certificate_for_another_name_is_refused_before_the_token_is_sent(
    broker: Broker, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 1"
    subprocess.run([*command.split(), "-subj", "/CN=wrong.example"], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serving(broker, ssl_context=context) as url:
        secure = url.replace("http://", "wss://")
        async with feed_at("", SECRET, simulated=False, url=secure) as desk:
            report = await desk.until("DISCONNECTED", "NETWORK")
    assert "certificate is not valid" in report.message
    assert broker.queries == []


async def test_a_server_that_accepts_and_never_answers_is_left_in_time() -> None:
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        async with feed_at(f"http://127.0.0.1:{port}") as desk:
            report = await desk.until("DISCONNECTED", "NETWORK")
        assert time.monotonic() - began < 1
    assert "no answer within 0.5 s" in report.message


@pytest.mark.parametrize("status", [200, 302, 404, 500, 502, 503])
async def test_an_answer_that_is_neither_yes_nor_no_is_the_network(broker: Broker, status: int) -> None:
    broker.refuse_with = status
    async with feed_at(broker.url) as desk:
        report = await desk.until("DISCONNECTED", "NETWORK")
        assert str(status) in report.message
        assert desk.credential.state.value.verdict == "UNPROVEN"


async def test_a_message_too_large_ends_the_connection_and_nothing_else(broker: Broker) -> None:
    async def shout(socket: web.WebSocketResponse) -> None:
        await socket.send_str("x" * (MAX_MESSAGE + 1))

    broker.behave = shout
    async with feed_at(broker.url, expectation=IDLE, backoff_quiet="50ms") as desk:
        await desk.until("DISCONNECTED", "CLOSED_BY_PEER")
        broker.behave = beat
        await desk.until("CONNECTED", "IDLE")


async def test_hostile_frames_are_counted_and_the_feed_lives_on(broker: Broker) -> None:
    async def babble(socket: web.WebSocketResponse) -> None:
        for frame in (b"\xff\xff\x00", b"\x00\x01\x00\x00", b"\x00\x01", bytes(200)):
            await socket.send_bytes(frame)
        await socket.send_str("[" * 2000)
        await socket.send_str("\x00")
        await beat(socket)

    broker.behave = babble
    async with feed_at(broker.url, expectation=IDLE) as desk:
        await desk.until("CONNECTED", "IDLE")
        async with asyncio.timeout(30):
            while (report := await desk.probe()).measures["malformed_frames"] < 6:
                await asyncio.sleep(0.01)
        assert report.state == "CONNECTED"
        assert broker.attempts == 1


async def test_an_instrument_that_never_answers_its_subscription_is_named(broker: Broker) -> None:
    async def answer_some(socket: web.WebSocketResponse) -> None:
        while True:
            packet = full_packet(256265, int(time.time()))
            await socket.send_bytes(b"\x00\x01" + packet)
            await asyncio.sleep(0.1)

    broker.behave = answer_some
    async with feed_at(
        broker.url, expectation=IDLE, canaries={"NIFTY 50": 256265}, instruments={"TCS": 2953217}
    ) as desk:
        await desk.until("CONNECTED", "TICKING")
        assert "missing_instruments" not in (await desk.probe()).attributes
        async with asyncio.timeout(30):
            while "missing_instruments" not in (report := await desk.probe()).attributes:
                await asyncio.sleep(0.05)
        assert report.attributes["missing_instruments"] == ["TCS"]
        assert json.loads(broker.texts[0]) == {"a": "subscribe", "v": [2953217, 256265]}
        assert json.loads(broker.texts[1]) == {"a": "mode", "v": ["full", [256265]]}
        json.dumps(dict(report.attributes))


async def test_the_next_attempt_is_made_at_once_when_something_begins_to_be_expected() -> None:
    async with feed_at("http://127.0.0.1:9", expectation=IDLE, backoff_quiet="1h") as desk:
        report = await desk.until("DISCONNECTED", "NETWORK")
        assert report.attributes["connection"]["next_attempt_at"] is not None
        assert report.measures["attempts"] == 1
        desk.bench.expectation.set(Expectation.CONNECTION)
        async with asyncio.timeout(30):
            while (await desk.probe()).measures["attempts"] < 2:
                await asyncio.sleep(0.01)


async def test_a_reconnect_that_cannot_be_made_is_refused_with_the_reason(broker: Broker) -> None:
    async with feed_at(broker.url, None) as desk:
        await desk.until("DISCONNECTED", "AWAITING_CREDENTIAL")
        with pytest.raises(ActionError, match="no credential yet"):
            await desk.feed.act("reconnect")
        with pytest.raises(ActionError, match='unknown action "dance"'):
            await desk.feed.act("dance")


async def test_a_feed_that_is_stopped_leaves_its_connection_closed_and_can_run_again(
    broker: Broker,
) -> None:
    async with feed_at(broker.url, expectation=IDLE) as desk:
        await desk.until("CONNECTED", "IDLE")
    async with asyncio.timeout(30):
        while broker.connected:
            await asyncio.sleep(0.01)
    told = len(desk.bench.reports)
    assert (await desk.probe()).state == "CONNECTING"
    async with aiohttp.ClientSession() as session:
        desk.bench._session = session
        async with running(desk.feed):
            await desk.bench.until(lambda report: report.state == "CONNECTED")
    assert broker.most == 1
    assert len(desk.bench.reports) > told


async def test_the_sessions_own_time_limit_does_not_end_the_feed(broker: Broker) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session:
        bench = Bench(SystemClock(), simulator=broker.url, session=session)  # type: ignore[arg-type]
        bench.expectation.set(IDLE)
        bench.add_credential("kite", "a-token")
        settings = KiteFeedSettings.model_validate(FAST | {"api_key": "demo"})
        async with running(kite_feed(settings, bench)):
            await bench.until(lambda report: report.state == "CONNECTED")
            await asyncio.sleep(0.6)
            assert broker.connected == broker.attempts == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirected_handshake_is_refused_and_the_other_server_never_hears_of_it(
    broker: Broker, status: int
) -> None:
    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"{broker.url}/?{request.query_string}"})

    application = web.Application()
    application.router.add_get("/", redirect)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with feed_at(f"http://127.0.0.1:{runner.addresses[0][1]}", SECRET) as desk:
            report = await desk.until("DISCONNECTED", "NETWORK")
    finally:
        await runner.cleanup()
    assert f"answered with status {status}" in report.message
    assert broker.attempts == 0


async def test_two_hundred_reconnects_leave_nothing_behind_and_never_overlap(broker: Broker) -> None:
    loop = asyncio.get_running_loop()
    async with feed_at(broker.url, expectation=IDLE, heartbeat_after="5s") as desk:
        sockets: list[int] = []
        tasks: list[int] = []
        for number in range(200):
            await desk.until("CONNECTED")
            if number % 50 == 10:
                gc.collect()
                sockets.append(len(list(Path("/proc/self/fd").iterdir())))
                tasks.append(len(asyncio.all_tasks(loop)))
            await desk.feed.act("reconnect")
            await desk.bench.until(lambda report: report.state != "CONNECTED")
    assert broker.attempts >= 200
    assert broker.most == 1
    assert max(sockets) - min(sockets) <= 2
    assert max(tasks) - min(tasks) <= 3


async def test_a_loop_that_was_held_up_does_not_make_the_feed_stale(broker: Broker) -> None:
    async with feed_at(broker.url, expectation=IDLE, heartbeat_after="500ms") as desk:
        await desk.until("CONNECTED", "IDLE")
        told = len(desk.bench.reports)
        await asyncio.sleep(0.15)
        time.sleep(1.2)
        await asyncio.sleep(0.3)
        assert desk.bench.reports[told:] == []


async def test_a_burst_of_a_hundred_thousand_ticks_does_not_hold_up_the_loop(broker: Broker) -> None:
    whole = b"\x00\x64" + full_packet(256265, int(time.time())) * 100

    async def burst(socket: web.WebSocketResponse) -> None:
        for _ in range(1000):
            await socket.send_bytes(whole)
        await beat(socket)

    async def measure_lag(lags: list[float]) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            lags.append(time.monotonic() - began - 0.005)

    broker.behave = burst
    lags: list[float] = []
    measuring = asyncio.ensure_future(measure_lag(lags))
    async with feed_at(broker.url, expectation=IDLE) as desk:
        async with asyncio.timeout(30):
            while (await desk.probe()).measures.get("packets", 0) < 100_000:
                await asyncio.sleep(0.01)
    measuring.cancel()
    assert max(lags) < 0.2


async def test_a_probe_after_the_loop_was_held_up_does_not_make_the_feed_stale(broker: Broker) -> None:
    async with feed_at(broker.url, expectation=IDLE, heartbeat_after="500ms") as desk:
        await desk.until("CONNECTED", "IDLE")
        time.sleep(1.2)
        assert (await desk.probe()).state == "CONNECTED"
        await asyncio.sleep(0.3)
        assert (await desk.probe()).state == "CONNECTED"
        assert broker.attempts == 1


async def test_in_the_simulated_environment_the_real_broker_is_never_asked(broker: Broker) -> None:
    async with feed_at(broker.url, url="wss://ws.kite.trade", expectation=IDLE) as desk:
        await desk.until("CONNECTED", "IDLE")
    assert broker.attempts == 1


async def test_the_reports_instants_are_aware_and_in_order(broker: Broker) -> None:
    async with feed_at(broker.url, expectation=IDLE) as desk:
        report = await desk.until("CONNECTED", "IDLE")
        assert report.observed_at.utcoffset() == timedelta(0)
        assert report.attributes["connection"]["opened_at"].endswith("+00:00")
