"""The gate is open while the agent says so, and never longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agent.client import Gate
from agent.client.gate import LONGEST_WORD_S, steady
from tests.agent.client.conftest import StandIn, eventually, refresh, serving, word


@pytest.fixture
async def open_gate() -> AsyncIterator[Callable[[str], Gate]]:
    gates: list[Gate] = []

    def begin(url: str) -> Gate:
        gates.append(Gate(url))
        return gates[-1]

    yield begin
    for gate in gates:
        gate.close()


async def test_the_gate_opens_and_closes_as_the_agent_says(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True), refresh()]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    assert gate.why() == ""
    await stand_in.say(word(False, message="the token is dead"))
    await eventually(lambda: not gate.tradable())
    assert gate.why() == "the token is dead"
    await stand_in.say(word(True))
    await eventually(gate.tradable)
    assert stand_in.opened == 1


async def test_asking_makes_no_request(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True), refresh()]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    assert all(gate.tradable() for _ in range(10_000))
    assert stand_in.opened == 1


async def test_a_new_gate_is_closed_until_the_agent_has_spoken(stand_in: StandIn, open_gate) -> None:
    gate = open_gate(stand_in.url)
    assert not gate.tradable()
    await eventually(lambda: stand_in.opened == 1)
    assert not gate.wait_for_word(0.05)
    await stand_in.say(word(True))
    await stand_in.say(refresh())
    assert await asyncio.to_thread(gate.wait_for_word, 5)
    assert gate.tradable()


async def test_the_first_document_alone_proves_nothing_because_it_may_be_old(
    stand_in: StandIn, open_gate
) -> None:
    stand_in.greeting = [word(True)]
    gate = open_gate(stand_in.url)
    await eventually(lambda: stand_in.streams != [])
    assert not gate.tradable()
    assert gate.why() != ""
    await stand_in.say(refresh())
    await eventually(gate.tradable)


async def test_no_word_holds_for_hours(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True, valid_s=86_400), refresh(valid_s=86_400)]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    assert gate._word.until - steady() <= LONGEST_WORD_S


async def test_the_gate_closes_when_the_agent_is_silent_past_its_word(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True, valid_s=0.3), refresh(valid_s=0.3)]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    await eventually(lambda: not gate.tradable())
    assert gate.why() == "the agent is silent"
    await stand_in.say(refresh())
    await eventually(gate.tradable)


async def test_a_clock_of_the_agent_that_is_wrong_changes_nothing(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True, age_s=3600), refresh()]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    await stand_in.say(word(True, age_s=-3600, valid_s=0.2))
    await eventually(lambda: not gate.tradable())


async def test_the_gate_closes_at_once_when_the_agent_hangs_up_and_opens_when_it_is_back(open_gate) -> None:
    stand_in = StandIn(greeting=[word(True), refresh()])
    async with serving(stand_in):
        gate = open_gate(stand_in.url)
        await eventually(gate.tradable)
        port = int(stand_in.url.rpartition(":")[2])
    await eventually(lambda: not gate.tradable())
    assert "the agent" in gate.why()
    async with serving(stand_in, port):
        await eventually(gate.tradable)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b"event: document\ndata: {\n\n", id="no JSON"),
        pytest.param(b"event: document\ndata: []\n\n", id="no object"),
        pytest.param(b'event: document\ndata: {"tradable": true}\n\n', id="no instants"),
        pytest.param(
            b'event: refresh\ndata: {"now": 5, "valid_until": 6}\n\n', id="instants of another type"
        ),
    ],
)
async def test_words_that_cannot_be_read_close_the_gate(stand_in: StandIn, open_gate, event: bytes) -> None:
    stand_in.greeting = [word(True), refresh()]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    stand_in.greeting = []
    await stand_in.say(event)
    await eventually(lambda: not gate.tradable())


async def test_a_closed_gate_stays_closed(stand_in: StandIn, open_gate) -> None:
    stand_in.greeting = [word(True), refresh()]
    gate = open_gate(stand_in.url)
    await eventually(gate.tradable)
    gate.close()
    await stand_in.say(refresh())
    await stand_in.say(refresh())
    assert not gate.tradable()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://desk.example.com"])
def test_an_address_that_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected the agent's address|by https only"):
        Gate(url, "a-secret-token")
