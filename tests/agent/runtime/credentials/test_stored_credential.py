from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.abilities import CredentialState, Verdict
from agent.errors import AgentError
from agent.runtime.credentials.files import SourceError
from agent.runtime.credentials.memory import Memory, hash_key
from agent.runtime.credentials.settling import LOSS_CALM_S, VALUE_CALM_S, Reading, consider
from agent.runtime.credentials.stored import StoredCredential
from agent.runtime.credentials.verdicts import VERDICTS, Word
from agent.runtime.threads import Threads
from agent.testing import ManualClock, MemoryStore, running


class Slot:
    """A source in memory: the test says what it holds and whether it can be written."""

    watched = None

    def __init__(self, value: str | None = None) -> None:
        self.value = value
        self.trouble = ""
        self.refuses = ""

    def read(self) -> str | None:
        if self.trouble:
            raise SourceError(self.trouble)
        return self.value

    def write(self, value: str) -> None:
        if self.refuses:
            raise SourceError(self.refuses)
        self.value = value

    def exposure(self) -> str | None:
        return None


class Inline(Threads):
    """Runs calls where they are made, so that only the manual clock makes anything wait."""

    async def run(self, call: Callable, *args, **kwargs):
        return call(*args, **kwargs)


class Desk:
    def __init__(self, value: str | None = "one", store: MemoryStore | None = None) -> None:
        self.clock = ManualClock()
        self.store = store or MemoryStore()
        self.slot = Slot(value)
        self.credential = StoredCredential(
            "kite",
            self.slot,
            clock=self.clock,
            memory=Memory("kite", self.store, hash_key(self.store)),
            threads=Inline("test"),
            writing=asyncio.Lock(),
        )
        self.run = self.credential.follow

    @property
    def state(self) -> CredentialState:
        return self.credential.state.value

    @property
    def value(self) -> str | None:
        return self.state.secret.value if self.state.secret else None

    @property
    def generation(self) -> str:
        assert self.state.secret is not None
        return self.state.secret.generation

    async def put(self, value: str | None) -> None:
        self.slot.value = value
        self.credential.stir()
        await self.clock.advance(0)


async def test_a_new_value_counts_once_it_was_read_twice() -> None:
    desk = Desk()
    await desk.credential.load()
    async with running(desk):
        await desk.put("two")
        assert desk.value == "one"
        await desk.clock.advance(VALUE_CALM_S - 0.01)
        assert desk.value == "one"
        await desk.clock.advance(0.01)
        assert desk.value == "two"


async def test_a_file_that_is_empty_for_less_than_a_second_is_not_a_lost_token() -> None:
    desk = Desk()
    await desk.credential.load()
    seen: list[CredentialState] = []
    desk.credential.state.subscribe(seen.append)
    async with running(desk):
        await desk.put(None)
        await desk.clock.advance(LOSS_CALM_S - 0.01)
        await desk.put("one")
        await desk.clock.advance(5)
    assert desk.value == "one"
    assert seen == []


async def test_a_token_that_stays_away_is_lost_after_the_grace() -> None:
    desk = Desk()
    await desk.credential.load()
    async with running(desk):
        await desk.put(None)
        await desk.clock.advance(LOSS_CALM_S)
        assert desk.state == CredentialState()


async def test_a_new_value_after_a_short_absence_need_not_wait_for_the_grace() -> None:
    desk = Desk()
    await desk.credential.load()
    async with running(desk):
        await desk.put(None)
        await desk.clock.advance(0.3)
        await desk.put("two")
        await desk.clock.advance(VALUE_CALM_S)
        assert desk.value == "two"


async def test_a_source_in_trouble_keeps_the_last_good_generation_and_says_why() -> None:
    desk = Desk()
    await desk.credential.load()
    generation = desk.generation
    desk.credential.accept(generation, "profile")
    async with running(desk):
        desk.slot.trouble = ".env: line 3: a quote that does not end"
        desk.credential.stir()
        await desk.clock.advance(LOSS_CALM_S)
        assert desk.state.trouble == ".env: line 3: a quote that does not end"
        assert (desk.generation, desk.state.verdict) == (generation, Verdict.ACCEPTED)
        desk.slot.trouble = ""
        desk.credential.stir()
        await desk.clock.advance(LOSS_CALM_S)
        assert desk.state.trouble == ""
        assert (desk.generation, desk.state.verdict) == (generation, Verdict.ACCEPTED)


async def test_the_same_value_written_again_is_no_change() -> None:
    desk = Desk()
    await desk.credential.load()
    desk.credential.accept(desk.generation, "profile")
    before = desk.state
    await desk.credential.write("one")
    assert desk.state == before


async def test_what_is_written_is_the_state_at_once() -> None:
    desk = Desk()
    await desk.credential.load()
    desk.credential.refuse(desk.generation, "profile")
    secret = await desk.credential.write("two")
    assert desk.state == CredentialState(secret)
    assert desk.slot.value == secret.value == "two"


async def test_a_value_that_cannot_be_stored_is_used_until_the_source_says_something_new() -> None:
    desk = Desk()
    await desk.credential.load()
    desk.slot.refuses = ".env: the disk is full"
    async with running(desk):
        with pytest.raises(AgentError, match="the disk is full"):
            await desk.credential.write("two")
        assert desk.value == "two"
        assert desk.state.trouble == "not stored: .env: the disk is full"
        desk.credential.stir()
        await desk.clock.advance(5)
        assert desk.value == "two"
        desk.slot.trouble = "unreadable"
        desk.credential.stir()
        await desk.clock.advance(5)
        desk.slot.trouble = ""
        desk.credential.stir()
        await desk.clock.advance(5)
        assert desk.value == "two"
        await desk.put("three")
        await desk.clock.advance(5)
        assert (desk.value, desk.state.trouble) == ("three", "")


@pytest.mark.parametrize("value", ["", "a b", "a\nB=c", "a$b", "ä", "a" * 5000], ids=repr)
async def test_a_value_that_could_harm_the_file_is_never_written(value: str) -> None:
    desk = Desk()
    await desk.credential.load()
    with pytest.raises(AgentError, match="nothing was written"):
        await desk.credential.write(value)
    assert (desk.value, desk.slot.value) == ("one", "one")


async def test_a_verdict_on_a_former_generation_is_dropped() -> None:
    desk = Desk()
    await desk.credential.load()
    former = desk.generation
    await desk.credential.write("two")
    desk.credential.refuse(former, "profile")
    assert desk.state.verdict is Verdict.UNPROVEN


async def test_first_seen_and_a_refusal_outlive_a_restart_and_a_detour() -> None:
    desk = Desk()
    await desk.credential.load()
    first_seen = desk.state.secret.first_seen  # type: ignore[union-attr]
    desk.credential.refuse(desk.generation, "profile")
    refused = desk.state

    later = Desk(store=desk.store)
    await later.clock.advance(3600)
    await later.credential.load()
    assert later.state == refused
    assert later.state.usable is None
    await later.credential.write("two")
    assert later.state.secret.first_seen > first_seen  # type: ignore[union-attr]
    await later.credential.write("one")
    assert later.state == refused


async def test_a_doubt_is_cleared_by_proof_and_a_refusal_outlives_a_doubt() -> None:
    desk = Desk()
    await desk.credential.load()
    desk.credential.doubt(desk.generation, "handshake")
    assert desk.state.verdict is Verdict.DOUBTED
    assert desk.state.usable is None
    desk.credential.accept(desk.generation, "profile")
    assert desk.state.usable is not None
    desk.credential.refuse(desk.generation, "profile")
    desk.credential.doubt(desk.generation, "handshake")
    assert (desk.state.verdict, desk.state.judged_by) == (Verdict.REFUSED, "profile")


def test_every_word_on_every_verdict_has_a_row() -> None:
    assert set(VERDICTS) == {(verdict, word) for verdict in Verdict for word in Word}
    assert Verdict.UNPROVEN not in VERDICTS.values()


@pytest.mark.parametrize("kept", ["", "null", "[1]", '{"a": 1}', '[{"generation": "x"}]', '"zz"'])
def test_a_memory_that_cannot_be_understood_is_begun_anew(kept: str) -> None:
    store = MemoryStore()
    store.put("generations:kite", kept)
    store.put("generation-key", kept)
    memory = Memory("kite", store, hash_key(store))
    now = ManualClock().now()
    assert memory.meet(memory.generation_of("one"), now).first_seen == now
    again = Memory("kite", store, hash_key(store))
    assert again.generation_of("one") == memory.generation_of("one")


def test_neither_values_nor_states_nor_readings_nor_the_store_show_the_secret() -> None:
    store = MemoryStore()
    memory = Memory("kite", store, hash_key(store))
    memory.meet(memory.generation_of("CANARY"), ManualClock().now())
    shown = f"{store.values} {Reading('CANARY')!r} {consider(None, Reading('CANARY'), 0.0)!r}"
    assert "CANARY" not in shown


_SIGHTS = st.sampled_from(["one", "two", None, "!"])
_PAUSES = st.sampled_from([1 / 32, 1 / 16, 1 / 2, 1.0])
_LOOKS = st.lists(st.tuples(_SIGHTS, _PAUSES), max_size=30)


@given(_LOOKS)
def test_nothing_counts_before_it_has_stayed_the_same_for_its_time(looks: list) -> None:
    candidate, now_s, since = None, 0.0, {}
    for seen, pause in looks:
        reading = Reading(trouble="!") if seen == "!" else Reading(seen)
        candidate = consider(candidate, reading, now_s)
        since = {reading: since.get(reading, now_s)}
        assert (candidate.wait_s(now_s) <= 0) == (now_s - since[reading] >= reading.calm_s)
        now_s += pause
