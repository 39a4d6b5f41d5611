"""The fleet as one agent sees it: read while somebody looks, published when it is news, honest when blind."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.errors import StoreError
from agent.fleet.rows import WATCH, FleetRows, LeaseRow, Presence
from agent.runtime.fleet_watch import (
    AT_ONCE,
    BORNE_FOR_S,
    EVERY_S,
    FRESH_FOR_S,
    LEAST_PAUSE_S,
    LOOKED_AT_FOR_S,
    FleetView,
)
from agent.testing import ManualClock
from agent.testing.clocks import settle
from tests.agent.fleet.conftest import PaperFleet, said

AWAY = StoreError("db:5432/openbell: nobody listens there")


class Store:
    """The shared store of a test: counts who asks, and is away when it is told to be."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.fleet = PaperFleet()
        self.asked: list[datetime | None] = []
        self.error: StoreError | None = None
        self.silent: set[str] = set()
        self.ours = False
        self.view = FleetView(self.read, clock=clock, me="pune-1", watches=lambda: self.ours)
        self._begun = clock.now()

    async def read(self, since: datetime | None) -> FleetRows:
        self.asked.append(since)
        if self.error is not None:
            raise self.error
        fleet = self.fleet
        passed = self.clock.now() - self._begun
        beats = {
            name: one if name in self.silent else replace(one, seen_at=one.seen_at + passed)
            for name, one in fleet.beats.items()
        }
        return replace(fleet.rows, at=fleet.now + passed, beats=beats)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store(ManualClock())
    for name in ("pune-1", "pune-2"):
        store.fleet.enter(name, word=said())
    running = asyncio.create_task(store.view.run())
    await settle()
    yield store
    running.cancel()


# -- when it is read -------------------------------------------------------------------------


async def test_nobody_looks_so_nothing_is_read(store: Store) -> None:
    await store.clock.advance(3_600)
    store.view.wake()
    await settle()
    assert store.asked == []


async def test_who_asks_gets_what_is_so_now_and_it_is_kept_fresh_for_a_while(store: Store) -> None:
    edition = await store.view.present()
    assert [one.name for one in edition.document.agents] == ["pune-1", "pune-2"]
    await store.clock.advance(LOOKED_AT_FOR_S + EVERY_S)
    asked = len(store.asked)
    assert asked >= LOOKED_AT_FOR_S / EVERY_S
    await store.clock.advance(3_600)
    assert len(store.asked) == asked


async def test_after_a_rest_the_rows_are_read_before_the_answer(store: Store) -> None:
    await store.view.present()
    await store.clock.advance(3_600)
    store.fleet.enter("pune-3", word=said())
    edition = await store.view.present()
    assert "pune-3" in [one.name for one in edition.document.agents]


async def test_only_what_changed_is_asked_for_the_second_time(store: Store) -> None:
    first = await store.view.present()
    await store.clock.advance(EVERY_S)
    assert store.asked[0] is None
    assert store.asked[1] is not None
    assert store.asked[1] >= first.document.generated_at


@pytest.mark.parametrize("who", ["a stream", "the watch"])
async def test_it_is_read_each_second_while_a_stream_is_open_or_it_is_ours_to_watch(
    store: Store, who: str
) -> None:
    looks = True
    if who == "a stream":
        store.view.readers = lambda: int(looks)
    else:
        store.ours = True
    store.view.wake()
    await store.clock.advance(10.5)
    assert 10 <= len(store.asked) <= 12
    looks = store.ours = False
    await store.clock.advance(EVERY_S)
    asked = len(store.asked)
    await store.clock.advance(60)
    assert len(store.asked) == asked


async def test_who_merely_watches_makes_no_document(store: Store) -> None:
    store.ours = True
    store.view.wake()
    await store.clock.advance(10)
    assert store.view.latest is None
    assert store.view.watch().known == 2
    first = await store.view.present()
    await store.clock.advance(LOOKED_AT_FOR_S + 60)
    assert store.view.latest is not None
    asked = len(store.asked)
    second = await store.view.present()
    assert second.document.generated_at > first.document.generated_at + timedelta(
        seconds=LOOKED_AT_FOR_S + 50
    )
    assert len(store.asked) == asked


async def test_news_is_read_at_once_and_much_news_not_all_the_time(store: Store) -> None:
    store.view.readers = lambda: 1
    store.view.wake()
    await store.clock.advance(EVERY_S * 3)
    before = len(store.asked)
    await store.clock.advance(LEAST_PAUSE_S)
    store.view.wake()
    await settle()
    assert len(store.asked) == before + 1
    for _ in range(100):
        store.view.wake()
        await store.clock.advance(LEAST_PAUSE_S / 50)
    assert len(store.asked) <= before + 4


async def test_many_who_ask_at_once_are_one_reading(store: Store) -> None:
    gate = asyncio.Event()
    read = store.read

    async def slowly(since: datetime | None) -> FleetRows:
        await gate.wait()
        return await read(since)

    view = FleetView(slowly, clock=store.clock, me="pune-1")
    asking = [asyncio.create_task(view.present()) for _ in range(20)]
    await settle()
    gate.set()
    await asyncio.gather(*asking)
    assert len(store.asked) <= 20
    assert len({one.result().document.revision for one in asking}) == 1


async def test_who_asks_while_the_rows_are_read_gets_the_fresh_one_that_there_is(store: Store) -> None:
    gate, slow = asyncio.Event(), asyncio.Event()
    read = store.read

    async def slowly(since: datetime | None) -> FleetRows:
        if slow.is_set():
            await gate.wait()
        return await read(since)

    view = FleetView(slowly, clock=store.clock, me="pune-1")
    first = await view.present()
    slow.set()
    reading = asyncio.create_task(view.refresh())
    await settle()
    assert await view.present() is first
    await store.clock.advance(FRESH_FOR_S + 0.1)
    assert await view.present() is first, "the next one is under way"
    await store.clock.advance(BORNE_FOR_S - FRESH_FOR_S)
    later = asyncio.create_task(view.present())
    await settle()
    assert not later.done(), "what is old is not told as the present"
    gate.set()
    await reading
    assert (await later).document.generated_at > first.document.generated_at


# -- what is published -----------------------------------------------------------------------


async def test_the_bytes_of_many_agents_are_at_hand_before_they_are_asked_for(store: Store) -> None:
    assert not (await store.view.present()).is_packed
    for number in range(AT_ONCE):
        store.fleet.enter(f"agent-{number}", word=said())
    await store.view.refresh()
    assert store.view.latest is not None
    assert store.view.latest.is_packed
    edition = await store.view.present()
    assert gzip.decompress(edition.zipped) == edition.body
    assert len(edition.zipped) < len(edition.body) / 10


async def test_what_merely_ages_is_no_revision_and_has_the_same_tag(store: Store) -> None:
    first = await store.view.present()
    await store.clock.advance(EVERY_S)
    second = await store.view.present()
    assert second.document.generated_at > first.document.generated_at
    assert (second.document.revision, second.etag) == (first.document.revision, first.etag)
    assert second.step is None


async def test_news_is_a_revision_with_the_step_that_leads_to_it(store: Store) -> None:
    first = await store.view.present()
    store.fleet.enter("pune-2", word=said("FEED_STALE"))
    store.fleet.enter("pune-3", word=said())
    await store.clock.advance(EVERY_S)
    second = await store.view.present()
    assert second.document.revision == first.document.revision + 1
    assert second.etag != first.etag
    told = json.loads(second.step or b"")
    assert (told["after"], told["revision"]) == (first.document.revision, second.document.revision)
    assert [one["name"] for one in told["agents"]] == ["pune-2", "pune-3"]
    assert (told["agents_gone"], told["desks_gone"]) == ([], [])


async def test_another_run_has_other_tags(store: Store) -> None:
    other = FleetView(store.read, clock=store.clock, me="pune-1")
    assert (await store.view.present()).etag != (await other.present()).etag


async def test_who_is_gone_is_told_as_gone(store: Store) -> None:
    await store.view.present()
    del store.fleet.agents["pune-2"], store.fleet.beats["pune-2"]
    await store.clock.advance(EVERY_S)
    told = json.loads((await store.view.present()).step or b"")
    assert (told["agents_gone"], told["desks_gone"]) == (["pune-2"], ["pune-2"])


# -- without the store -----------------------------------------------------------------------


async def test_a_short_absence_of_the_store_is_not_seen(store: Store) -> None:
    store.view.readers = lambda: 1
    await store.view.present()
    store.error = AWAY
    await store.clock.advance(4)
    document = (await store.view.present()).document
    assert document.stale_since is None
    assert {one.state for one in document.agents} == {Presence.HERE}


async def test_after_five_seconds_all_others_are_unknown_and_it_says_since_when(store: Store) -> None:
    store.view.readers = lambda: 1
    seen = (await store.view.present()).document.generated_at
    store.error = AWAY
    await store.clock.advance(8)
    document = (await store.view.present()).document
    assert {one.name: one.state for one in document.agents} == {"pune-1": "here", "pune-2": "unseen"}
    assert document.stale_since is not None
    assert seen <= document.stale_since < seen + timedelta(seconds=2)
    store.error = None
    await store.clock.advance(EVERY_S * 2)
    assert (await store.view.present()).document.stale_since is None


async def test_an_agent_that_never_saw_the_store_knows_of_itself_only(store: Store) -> None:
    store.error = AWAY
    store.fleet.enter("pune-9", word=said())
    row = store.fleet.agents["pune-9"]
    view = FleetView(store.read, clock=store.clock, me="pune-9", own=lambda: row)
    document = (await view.present()).document
    assert [(one.name, one.state, one.code) for one in document.agents] == [("pune-9", "here", "LIVE")]
    assert document.stale_since == store.clock.now()


async def test_while_the_store_is_away_nobody_waits_for_it_twice(store: Store) -> None:
    await store.view.present()
    store.error = AWAY
    await store.clock.advance(LOOKED_AT_FOR_S + 10)
    asked = len(store.asked)
    for _ in range(10):
        await store.view.present()
    assert len(store.asked) == asked


async def test_when_the_store_is_back_nobody_is_lost_before_they_could_say_anything(store: Store) -> None:
    store.ours = True
    store.view.wake()
    await store.clock.advance(2)
    store.error = AWAY
    await store.clock.advance(60)
    store.error = None
    store.silent = {"pune-2"}
    await store.clock.advance(8)
    assert store.view.watch().lost == ()
    await store.clock.advance(8)
    assert [one.name for one in store.view.watch().lost] == ["pune-2"]


# -- the watch -------------------------------------------------------------------------------


async def test_only_who_has_the_lease_tells_of_the_lost(store: Store) -> None:
    store.silent = {"pune-2"}
    now = store.fleet.now
    store.fleet.leases.append(
        LeaseRow(resource=WATCH, agent="pune-9", epoch=1, since=now, ends_at=now + timedelta(days=1))
    )
    store.view.readers = lambda: 1
    store.view.wake()
    await store.clock.advance(15)
    assert store.view.watch().watcher == "pune-9"
    assert store.view.watch().lost == ()
    store.ours = True
    watch = store.view.watch()
    assert (watch.watcher, watch.is_ours, watch.known) == ("pune-1", True, 2)
    assert [one.name for one in watch.lost] == ["pune-2"]


async def test_the_watch_says_that_it_is_blind_and_when_it_is_not_any_more(store: Store) -> None:
    store.ours = True
    store.view.wake()
    await store.clock.advance(2)
    store.error = AWAY
    await store.clock.advance(4)
    assert store.view.watch().store_error is None
    await store.clock.advance(4)
    assert store.view.watch().store_error == str(AWAY)
    store.ours = False
    store.error = None
    await store.clock.advance(2)
    assert store.view.watch().store_error is None
    asked = len(store.asked)
    await store.clock.advance(60)
    assert len(store.asked) <= asked + 1
