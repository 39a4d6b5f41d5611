"""Two agents of one desk: the client follows the one that has it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.cli.run import serving as running
from agent.client import FeedReporter, Gate
from agent.clock import SystemClock
from agent.config.loading import load
from tests.agent.client.conftest import StandIn, eventually, refresh, serving, word
from tests.postgres import Database, free_port

WELL = [word(True), refresh()]


@pytest.fixture
async def other() -> AsyncIterator[StandIn]:
    """The one that stands by."""
    async with serving(StandIn(standing_by="one")) as stand_in:
        yield stand_in


def hand_over(owner: StandIn, other: StandIn) -> None:
    """As when an owner is told to stop: the other has the desk before the last reader is gone."""
    owner.standing_by, other.standing_by = "two", ""
    owner.hang_up()


@pytest.fixture
def gates() -> Any:
    opened: list[Gate] = []

    def begin(*urls: str) -> Gate:
        opened.append(Gate(urls))
        return opened[-1]

    yield begin
    for gate in opened:
        gate.close()


@pytest.mark.parametrize("is_first", [True, False], ids=["the owner first", "the other first"])
async def test_the_gate_follows_whichever_has_the_desk(
    stand_in: StandIn, other: StandIn, gates: Any, is_first: bool
) -> None:
    stand_in.greeting = WELL
    urls = (stand_in.url, other.url) if is_first else (other.url, stand_in.url)
    gate = gates(*urls)
    await eventually(gate.tradable)
    await asyncio.sleep(0)
    assert (stand_in.opened, other.opened) == (1, 0 if is_first else 1)


async def test_it_goes_on_at_the_other_when_the_desk_changes_hands_and_back(
    stand_in: StandIn, other: StandIn, gates: Any
) -> None:
    stand_in.greeting = WELL
    gate = gates(stand_in.url, other.url)
    await eventually(gate.tradable)
    other.greeting = [word(False, message="the token is dead"), refresh()]
    hand_over(stand_in, other)
    await eventually(lambda: gate.why() == "the token is dead")
    await other.say(word(True))
    await eventually(gate.tradable)
    hand_over(other, stand_in)
    await eventually(lambda: stand_in.streams != [])
    await eventually(gate.tradable)


async def test_the_new_owner_s_first_document_alone_proves_nothing(
    stand_in: StandIn, other: StandIn, gates: Any
) -> None:
    stand_in.greeting = WELL
    gate = gates(stand_in.url, other.url)
    await eventually(gate.tradable)
    other.greeting = [word(True)]
    hand_over(stand_in, other)
    await eventually(lambda: other.streams != [])
    assert not gate.tradable()
    await other.say(refresh())
    await eventually(gate.tradable)


async def test_while_nobody_has_the_desk_it_is_closed_and_says_what_each_answers(
    stand_in: StandIn, other: StandIn, gates: Any
) -> None:
    stand_in.greeting = WELL
    gate = gates(stand_in.url, other.url)
    await eventually(gate.tradable)
    stand_in.standing_by = "nobody"
    stand_in.hang_up()
    await eventually(lambda: other.opened >= 3)
    assert not gate.tradable()
    await eventually(lambda: gate.why().count("stands by") == 2)
    assert stand_in.url in gate.why()
    assert other.url in gate.why()


async def test_one_that_is_down_is_not_asked_while_the_other_speaks(
    stand_in: StandIn, gates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.greeting = WELL
    gate = gates(f"http://127.0.0.1:{free_port()}", stand_in.url)
    await eventually(gate.tradable)
    for _ in range(20):
        await stand_in.say(refresh())
        await asyncio.sleep(0.01)
        assert gate.tradable()
    assert stand_in.opened == 1
    assert caplog.records == []


async def test_one_that_takes_connections_and_says_nothing_does_not_hold_it_up(
    stand_in: StandIn, gates: Any
) -> None:
    stand_in.greeting = WELL
    with socket.create_server(("127.0.0.1", 0)) as mute:
        gate = gates(f"http://127.0.0.1:{mute.getsockname()[1]}", stand_in.url)
        await eventually(gate.tradable)


@pytest.fixture
def kws() -> Any:
    from kiteconnect import KiteTicker

    return KiteTicker("demo", "a-token")


@pytest.fixture
def report() -> Any:
    begun: list[FeedReporter] = []

    def begin(kws: Any, *urls: str) -> FeedReporter:
        begun.append(FeedReporter(urls, "strategy", "a-push-token"))
        begun[-1].attach(kws)
        return begun[-1]

    yield begin
    for reporter in begun:
        reporter.close()


async def test_the_reporter_goes_on_at_the_new_owner_with_all_that_it_has_counted(
    stand_in: StandIn, other: StandIn, kws: Any, report: Any, caplog: pytest.LogCaptureFixture
) -> None:
    report(kws, stand_in.url, other.url)
    kws._on_message(None, b"\x00", True)
    await stand_in.beat(lambda beat: beat["frames"] == 1)
    assert other.tokens == []
    hand_over(stand_in, other)
    kws._on_message(None, b"\x00", True)
    kws._on_close(None, 1000, "gone")
    beat = await other.beat(lambda beat: beat["failed"] == 1)
    assert (beat["frames"], beat["process"]) == (2, stand_in.beats[0]["process"])
    asked = len(stand_in.tokens)
    await other.beat()
    await other.beat()
    assert len(stand_in.tokens) == asked, "it stays with the one that answers"
    assert [record for record in caplog.records if record.name == "openbell.client"] == []


async def test_what_came_in_the_beat_of_the_takeover_is_told_to_the_other(
    stand_in: StandIn, other: StandIn, kws: Any, report: Any
) -> None:
    from tests.agent.client.test_client_reporter import frame

    kws.on_ticks = lambda ws, ticks: None
    stand_in.answer = other.answer = {"watch": [738561]}
    report(kws, stand_in.url, other.url)
    await stand_in.beat()
    hand_over(stand_in, other)
    kws._on_message(None, frame(738561), True)
    beat = await other.beat(lambda beat: beat["packets"] == 1)
    assert beat["stamps"] == {"738561": 1_764_000_000}


async def test_a_token_of_the_former_owner_s_is_not_known_to_the_next_by_its_name(
    stand_in: StandIn, other: StandIn, kws: Any, report: Any
) -> None:
    reporter = report(kws, stand_in.url, other.url)
    reporter._generation = (0, "the-first-agent-s-name-for-it")
    await stand_in.beat(lambda beat: beat["generation"] == "the-first-agent-s-name-for-it")
    hand_over(stand_in, other)
    assert (await other.beat())["generation"] is None


async def test_while_nobody_takes_reports_one_line_says_what_each_answers(
    stand_in: StandIn, other: StandIn, kws: Any, report: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "openbell.client")
    report(kws, stand_in.url, other.url)
    await stand_in.beat()
    stand_in.standing_by = "nobody"
    await eventually(lambda: len(caplog.records) == 1)
    hand_over(stand_in, other)
    await eventually(lambda: len(caplog.records) == 2)
    lost, back = (record.getMessage() for record in caplog.records)
    assert f"{stand_in.url}: it answered with status 503: This agent stands by" in lost
    assert f"{other.url}: it answered with status 503" in lost
    assert "again" in back


@pytest.mark.parametrize("kind", [Gate, lambda urls: FeedReporter(urls, "strategy", "a-push-token")])
def test_no_address_at_all_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="those of all agents"):
        kind([])


# -- two real agents ---------------------------------------------------------------------------

PAIR = """
name = "{name}"
environment = "simulated"
[server]
port = {port}
push_token = "a-token-for-reports"
[simulator]
port = 0
[store]
url = "{url}"
desk = "main"
takeover = "2s"
[machines.strategy]
kind = "pushed-feed"
"""


async def test_with_two_real_agents_gate_and_reporter_change_over(
    database: Database, tmp_path: Path, kws: Any, gates: Any
) -> None:
    urls, blueprints = [], []
    for name in ("one", "two"):
        port = free_port()
        config = tmp_path / name / "agent.toml"
        config.parent.mkdir()
        config.write_text(PAIR.format(name=name, port=port, url=database.url))
        config.chmod(0o600)
        urls.append(f"http://127.0.0.1:{port}")
        blueprints.append(load(config, {}))
    async with AsyncExitStack() as owner:
        await owner.enter_async_context(running(blueprints[0], SystemClock()))
        async with running(blueprints[1], SystemClock()):
            gate = gates(*reversed(urls))
            reporter = FeedReporter(list(reversed(urls)), "strategy", "a-token-for-reports")
            reporter.attach(kws)
            try:
                assert await asyncio.to_thread(gate.wait_for_word, 10)
                await eventually(lambda: reporter._is_heard and reporter._at == 1)
                await owner.aclose()
                await eventually(lambda: "the agent" not in gate.why())
                await eventually(lambda: reporter._is_heard and reporter._at == 0)
            finally:
                reporter.close()
