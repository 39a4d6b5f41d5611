"""The feed of a trading process, by its beats, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ActionError
from agent.model import Expectation, Report
from agent.testing import Bench, ManualClock, MemoryCredential, running
from plugins.feed import pushed_feed
from plugins.feed.pushed import PushedFeed
from plugins.feed.settings import PushedFeedSettings

NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


@dataclass
class Desk:
    """A machine, and a trading process of which the test says how it fares."""

    machine: PushedFeed
    bench: Bench
    clock: ManualClock
    credential: MemoryCredential | None
    beat: dict[str, Any] = field(default_factory=dict)

    async def says(self, **news: Any) -> Mapping[str, Any]:
        """One beat with these news; what was said before still holds."""
        self.beat |= news
        return await self.machine.take(self.beat)

    async def ticks(self, seconds: int = 1, **news: Any) -> Mapping[str, Any]:
        """Beats with ticks, one a second."""
        answer: Mapping[str, Any] = {}
        for _ in range(seconds):
            await self.clock.advance(1)
            self.beat["frames"] += 5
            self.beat["packets"] += 50
            answer = await self.says(newest=self.clock.now().timestamp(), heard_s=0.1, **news)
        return answer

    async def heartbeats(self, seconds: int) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = {}
        for _ in range(seconds):
            await self.clock.advance(1)
            self.beat["frames"] += 1
            answer = await self.says(newest=None, heard_s=0.1)
        return answer

    async def silence(self, seconds: int) -> Mapping[str, Any]:
        """Beats of a process whose connection says nothing."""
        answer: Mapping[str, Any] = {}
        for _ in range(seconds):
            await self.clock.advance(1)
            answer = await self.says(heard_s=(self.beat["heard_s"] or 0) + 1, newest=None)
        return answer

    async def report(self) -> Report:
        return await self.machine.probe()

    async def stands(self) -> tuple[str, str]:
        report = await self.report()
        return report.state, report.reason


@asynccontextmanager
async def opened(
    token: str | None = "a-token", *, expectation: Expectation = Expectation.DATA, **settings: Any
) -> AsyncIterator[Desk]:
    clock = ManualClock(NOON)
    bench = Bench(clock, name="strategy")
    bench.expectation.set(expectation)
    credential = bench.add_credential("kite", token) if settings.get("credential") else None
    machine = pushed_feed(PushedFeedSettings.model_validate(settings), bench)
    beat = {"process": "p1", "connected": True, "opened": 1, "frames": 0, "packets": 0, "heard_s": None}
    async with running(machine):
        await clock.advance(0)
        yield Desk(machine, bench, clock, credential, beat)


async def test_beats_with_ticks_are_a_connected_feed() -> None:
    async with opened() as desk:
        assert await desk.stands() == ("CONNECTING", "NO_HEARTBEAT")
        answer = await desk.ticks(4)
        assert await desk.stands() == ("CONNECTED", "TICKING")
        assert answer == {"watch": []}
        measures = (await desk.report()).measures
        assert (measures["frames"], measures["packets"]) == (20, 200)


async def test_no_beat_is_disconnected_and_the_next_one_brings_it_back() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        await desk.clock.advance(3.0)
        assert desk.bench.reports[-1].state == "CONNECTED"
        await desk.clock.advance(0.2)
        assert (desk.bench.reports[-1].state, desk.bench.reports[-1].reason) == (
            "DISCONNECTED",
            "NO_HEARTBEAT",
        )
        assert "no trading process reports" in desk.bench.reports[-1].message
        await desk.ticks(12)
        assert await desk.stands() == ("CONNECTED", "TICKING")


async def test_a_process_that_never_reports_is_disconnected_after_the_same_time() -> None:
    async with opened() as desk:
        await desk.clock.advance(3.2)
        assert await desk.stands() == ("DISCONNECTED", "NO_HEARTBEAT")


async def test_a_half_open_feed_is_commanded_to_reconnect_with_the_token_of_the_day() -> None:
    async with opened(credential="kite") as desk:
        await desk.ticks(12)
        answer = await desk.silence(5)
        assert (answer["command"], answer["access_token"]) == ("reconnect", "a-token")
        assert "nothing is heard" in answer["reason"]
        order = answer["order"]
        assert (await desk.stands())[0] == "STALE"
        again = await desk.says()
        assert again["order"] == order, "a command stays until it was carried out"
        after = await desk.says(opened=2, order=order, generation=answer["generation"], heard_s=None)
        assert "command" not in after
        await desk.ticks(2)
        assert await desk.stands() == ("CONNECTED", "TICKING")
        assert desk.credential is not None
        assert desk.credential.state.value.verdict == "ACCEPTED"


async def test_a_number_that_a_former_run_of_the_agent_gave_is_not_given_again() -> None:
    async with opened() as desk:
        await desk.ticks(12, order=1)
        answer = await desk.silence(5)
        assert (answer["command"], answer["order"]) == ("reconnect", 2)
        assert (await desk.silence(1))["order"] == 2


async def test_a_mute_feed_is_subscribed_again_and_then_connected_again() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        answer = await desk.heartbeats(10)
        assert answer["command"] == "resubscribe"
        assert await desk.stands() == ("STALE", "NO_TICKS")
        desk.beat["order"] = answer["order"]
        answer = await desk.heartbeats(10)
        assert answer["command"] == "reconnect"
        assert "access_token" not in answer


async def test_without_expectation_heartbeats_are_enough() -> None:
    async with opened(expectation=Expectation.NOTHING) as desk:
        answer = await desk.heartbeats(60)
        assert await desk.stands() == ("CONNECTED", "IDLE")
        assert "command" not in answer


async def test_an_hour_without_network_at_night_is_quiet_and_ends_when_something_is_expected() -> None:
    async with opened(expectation=Expectation.NOTHING) as desk:
        await desk.ticks(12)
        orders: set[int] = set()
        await desk.says(connected=False, failed=1, ending="the network is unreachable")
        told = len(desk.bench.reports)
        for _ in range(3600):
            await desk.clock.advance(1)
            answer = await desk.says()
            if "order" in answer and answer["order"] not in orders:
                orders.add(answer["order"])
                desk.beat |= {"order": answer["order"], "failed": desk.beat["failed"] + 1}
        assert 12 <= len(orders) <= 24, "every 150 to 300 seconds"
        states = [report.state for report in desk.bench.reports[told:]]
        assert states.count("CONNECTING") <= 1, "at the first attempt only"
        assert set(states) <= {"CONNECTING", "DISCONNECTED"}
        desk.bench.expectation.set(Expectation.CONNECTION)
        answer = await desk.says()
        assert answer["command"] == "reconnect"
        await desk.says(connected=True, opened=2, order=answer["order"], frames=99, heard_s=0.1)
        assert (await desk.stands())[0] == "CONNECTED"


async def test_a_refused_token_is_doubted_and_the_ticker_stops_trying_until_there_is_another() -> None:
    async with opened(credential="kite") as desk:
        assert desk.credential is not None
        first = desk.credential.state.value.secret
        assert first is not None
        await desk.ticks(12, generation=first.generation)
        answer = await desk.says(connected=False, failed=1)
        assert answer["command"] == "reconnect", "the agent's own pause is shorter than the ticker's"
        order = answer["order"]
        answer = await desk.says(failed=2, status=403, order=order, generation=first.generation)
        assert desk.credential.state.value.verdict == "DOUBTED"
        assert answer["command"] == "pause"
        desk.credential.refuse(first.generation, "profile")
        assert await desk.stands() == ("DISCONNECTED", "AWAITING_CREDENTIAL")
        await desk.clock.advance(1)
        assert "command" not in await desk.says(order=answer["order"], paused=True)
        desk.credential.put("a-fresh-token")
        answer = await desk.says()
        assert (answer["command"], answer["access_token"]) == ("reconnect", "a-fresh-token")


async def test_a_script_with_an_old_token_is_given_the_fresh_one_at_its_first_refusal() -> None:
    async with opened(credential="kite") as desk:
        answer = await desk.says(connected=False, opened=0, failed=0)
        answer = await desk.says(failed=1, status=403, order=answer.get("order", 0))
        assert (answer["command"], answer["access_token"]) == ("reconnect", "a-token")
        assert desk.credential is not None
        assert desk.credential.state.value.verdict == "UNPROVEN", "nobody knows which token was refused"


async def test_an_open_feed_whose_token_is_dead_is_not_given_up() -> None:
    async with opened(credential="kite") as desk:
        await desk.ticks(12)
        assert desk.credential is not None
        secret = desk.credential.state.value.secret
        assert secret is not None
        desk.credential.refuse(secret.generation, "profile")
        answer = await desk.silence(8)
        assert "command" not in answer
        assert await desk.stands() == ("STALE", "NO_HEARTBEAT")
        desk.credential.put("a-fresh-token")
        assert (await desk.silence(1))["command"] == "reconnect"


async def test_too_many_connections_make_the_ticker_pause() -> None:
    async with opened() as desk:
        await desk.ticks(12)
        answer = await desk.says(connected=False, failed=1)
        answer = await desk.says(failed=2, status=429, order=answer["order"])
        assert await desk.stands() == ("DISCONNECTED", "RATE_LIMITED")
        assert answer["command"] == "pause"


async def test_a_second_process_is_turned_away_until_the_first_has_ended() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        with pytest.raises(ActionError, match="another process reports to this machine"):
            await desk.machine.take(desk.beat | {"process": "p2"})
        await desk.clock.advance(3.2)
        await desk.says(process="p2", frames=1, packets=0, opened=1)
        assert (await desk.ticks(12)) == {"watch": []}
        assert await desk.stands() == ("CONNECTED", "TICKING")


@pytest.mark.parametrize(
    ("news", "words"),
    [
        pytest.param({"stopped": True}, "restart the script", id="its reactor is stopped"),
        pytest.param({"left": True}, "closed its ticker itself", id="it closed the ticker"),
        pytest.param({"begun": False}, "has not called connect()", id="it has not begun"),
    ],
)
async def test_a_script_in_its_own_way_is_told_so_and_not_commanded(news: dict[str, Any], words: str) -> None:
    async with opened() as desk:
        await desk.ticks(4)
        answer = await desk.says(connected=False, failed=1, **news)
        await desk.clock.advance(1)
        assert "command" not in answer | await desk.says()
        report = await desk.report()
        assert report.state in ("DISCONNECTED", "CONNECTING")
        assert words in report.message


async def test_a_ticker_that_its_script_closed_is_reconnected_when_a_person_asks() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        await desk.says(connected=False, failed=1, left=True)
        assert "told to reconnect" in await desk.machine.act("reconnect")
        assert (await desk.says())["command"] == "reconnect"


async def test_a_busy_callback_is_named_as_the_cause() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        await desk.silence(5)
        await desk.says(busy_s=6.0)
        assert "on_ticks is not coming back" in (await desk.report()).message


async def test_each_named_canary_is_judged_and_what_never_ticked_is_named() -> None:
    async with opened(canaries={"NIFTY 50": 256265, "RELIANCE": 738561}) as desk:
        for _ in range(12):
            stamp = int(desk.clock.now().timestamp()) + 1
            answer = await desk.ticks(1, stamps={"256265": stamp}, missing=[738561])
        assert answer["watch"] == [256265, 738561]
        assert await desk.stands() == ("STALE", "PARTIAL")
        assert "RELIANCE" in (await desk.report()).message
        for _ in range(3):
            stamp = int(desk.clock.now().timestamp()) + 1
            await desk.ticks(1, stamps={"256265": stamp, "738561": stamp}, missing=[5633])
        report = await desk.report()
        assert (report.state, report.reason) == ("CONNECTED", "TICKING")
        assert "nothing has come for 5633" in report.message


async def test_a_connection_that_lasts_less_than_a_beat_is_a_lost_one() -> None:
    async with opened() as desk:
        await desk.ticks(4)
        await desk.says(connected=False, opened=2, failed=2, ending="gone")
        states = [report.reason for report in desk.bench.reports]
        assert "CLOSED_BY_PEER" in states


async def test_a_person_cannot_reconnect_what_does_not_report() -> None:
    async with opened() as desk:
        with pytest.raises(ActionError, match="no trading process reports"):
            await desk.machine.act("reconnect")
        with pytest.raises(ActionError, match='expected "reconnect"'):
            await desk.machine.act("format")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({}, "process: Field required", id="nothing"),
        pytest.param({"process": "p", "connected": True, "opened": -1}, "opened:", id="less than none"),
        pytest.param(
            {"process": "p", "connected": True, "opened": 1, "heard_s": -5}, "heard_s:", id="the future"
        ),
        pytest.param({"process": "p" * 65, "connected": True, "opened": 1}, "process:", id="too long"),
    ],
)
async def test_a_beat_that_cannot_be_read_names_what_is_wrong(body: dict[str, Any], words: str) -> None:
    async with opened() as desk:
        with pytest.raises(ActionError, match=words):
            await desk.machine.take(body)
        assert "command" not in await desk.ticks(3)


BEATS = st.fixed_dictionaries(
    {
        "process": st.sampled_from(["p1", "p1", "p1", "p2"]),
        "connected": st.booleans(),
        "opened": st.integers(0, 3),
        "failed": st.integers(0, 3),
        "status": st.sampled_from([None, 403, 429, 500]),
        "frames": st.integers(0, 50),
        "packets": st.integers(0, 50),
        "heard_s": st.one_of(st.none(), st.floats(0, 100)),
        "newest": st.one_of(st.none(), st.floats()),
        "left": st.booleans(),
        "stopped": st.booleans(),
        "paused": st.booleans(),
        "order": st.integers(0, 5),
    }
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(BEATS, st.floats(0, 6)), max_size=8))
async def test_no_sequence_of_beats_can_stop_the_machine(steps: list[tuple[dict[str, Any], float]]) -> None:
    async with opened(credential="kite") as desk:
        for beat, pause in steps:
            try:
                answer = await desk.machine.take(beat)
            except ActionError:
                continue
            assert answer.get("command") in (None, "reconnect", "resubscribe", "pause")
            await desk.clock.advance(pause)
        await desk.clock.advance(10)
        assert await desk.stands() == ("DISCONNECTED", "NO_HEARTBEAT")
        desk.beat |= {"process": "fresh", "opened": 1}
        await desk.ticks(15)
        assert await desk.stands() == ("CONNECTED", "TICKING")
