"""What holds for the watchdog whatever happens to it, in whatever order."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.api import Expectation, Verdict
from plugins.feed import events
from plugins.feed.canaries import make_basket
from plugins.feed.states import CURES, Action, Reason, State
from plugins.feed.watch import Limits, Link, Watch, begin
from plugins.feed.watchdog import Decision, decide, step

LIMITS = Limits()
EPOCH = 1_700_000_000.0
TOKENS = {1: "ONE", 2: "TWO"}

STAMPS = st.one_of(
    st.floats(EPOCH - 100, EPOCH + 5000),
    st.sampled_from([0.0, -1.0, EPOCH + 3.2e7, math.nan, math.inf, -math.inf]),
)
HEARD = st.tuples(st.integers(0, 5), st.dictionaries(st.sampled_from([1, 2, 99]), STAMPS, max_size=3))
EVENTS = st.one_of(
    st.builds(events.Opening, st.sampled_from([None, "a", "b"])),
    st.builds(events.Opened),
    st.builds(events.Refused, st.sampled_from([401, 403, 429, 302, 500, 503])),
    st.builds(events.Failed, st.just("no route to host")),
    st.builds(events.Subscribed, st.sampled_from([None, *CURES])),
    st.builds(events.Ponged),
    st.builds(events.Closed, st.sampled_from([None, Reason.CLOSED_BY_PEER, *CURES])),
    st.builds(events.ExpectationChanged, st.sampled_from(Expectation)),
    st.builds(events.CredentialChanged, st.sampled_from([None, "a", "b"]), st.sampled_from(Verdict)),
    st.builds(events.Told),
    st.builds(events.Passed),
    HEARD,
)
STEPS = st.tuples(EVENTS, st.floats(0, 40), st.floats(0, 1))


def start() -> Watch:
    return begin(LIMITS, make_basket(TOKENS), Expectation.DATA, 0.0)


def happen(watch: Watch, event: object, now: float, draw: float) -> tuple[Watch, Decision]:
    if isinstance(event, tuple):
        packets, stamps = event
        event = events.Heard(at=now, wall=EPOCH + now, packets=packets, stamps=stamps)
    return step(watch, event, now, draw)  # type: ignore[arg-type]


def waits_for_credential(watch: Watch) -> bool:
    return watch.standing.generation is None or watch.standing.verdict is Verdict.REFUSED


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=30))
def test_no_sequence_raises_or_gets_stuck(steps: list) -> None:
    watch, now = start(), 0.0
    for event, pause, draw in steps:
        now += pause
        watch, decision = happen(watch, event, now, draw)
        if decision.action is Action.NONE and not (watch.link is Link.DOWN and waits_for_credential(watch)):
            assert decision.at is not None
            assert decision.at > now
        if watch.link is not Link.OPEN:
            assert decision.action in (Action.NONE, Action.CONNECT)
            assert decision.verdict.state is not State.CONNECTED
        else:
            assert decision.action is not Action.CONNECT
        if watch.link is Link.DOWN and waits_for_credential(watch):
            assert decision.action is Action.NONE
        assert decision == decide(watch, now) or decision.verdict.state is State.CONNECTED


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=20))
def test_a_verdict_changes_by_time_only_at_an_announced_instant(steps: list) -> None:
    watch, now = start(), 0.0
    for event, pause, draw in steps:
        now += pause
        watch, decision = happen(watch, event, now, draw)
        if decision.action is not Action.NONE:
            continue
        end = decision.at if decision.at is not None else now + 1e6
        for part in (0.25, 0.5, 0.999):
            between = decide(watch, now + (end - now) * part)
            assert between.verdict == decision.verdict
            assert between.action is Action.NONE


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=15), st.floats(0, 1))
def test_a_broker_that_is_well_again_is_ticking_soon_whatever_went_before(steps: list, draw: float) -> None:
    watch, now = start(), 0.0
    for event, pause, jitter in steps:
        now += pause
        watch, _ = happen(watch, event, now, jitter)
    watch, _ = happen(watch, events.ExpectationChanged(Expectation.DATA), now, draw)
    watch, decision = happen(watch, events.CredentialChanged("fresh"), now, draw)
    deadline = now + 60 + LIMITS.connect_timeout + LIMITS.rate_limit_pause
    while now < deadline and decision.verdict.reason is not Reason.TICKING:
        watch, decision, now = obey(watch, decision, now, draw)
    assert decision.verdict.state is State.CONNECTED
    assert decision.verdict.reason is Reason.TICKING


def obey(watch: Watch, decision: Decision, now: float, draw: float) -> tuple[Watch, Decision, float]:
    """One second with a broker that takes everything and ticks."""
    now += 0.1
    match decision.action:
        case Action.CONNECT:
            watch, _ = happen(watch, events.Opening(watch.standing.generation), now, draw)
            watch, _ = happen(watch, events.Opened(), now, draw)
            watch, decision = happen(watch, events.Subscribed(), now, draw)
        case Action.RESUBSCRIBE:
            watch, decision = happen(watch, events.Subscribed(Reason(decision.verdict.reason)), now, draw)
        case Action.RECONNECT | Action.DROP:
            reason = decision.verdict.reason if decision.verdict.state is State.STALE else None
            watch, decision = happen(watch, events.Closed(reason), now, draw)
        case _:
            now += 0.9
            stamp = float(int(EPOCH + now))
            watch, decision = happen(watch, (2, {1: stamp, 2: stamp}), now, draw)
    return watch, decision, now


def test_attempts_never_end_while_data_is_expected() -> None:
    watch, now, attempts = start(), 0.0, 0
    watch, decision = step(watch, events.CredentialChanged("a"), now)
    while now < 86_400:
        if decision.action is Action.CONNECT:
            attempts += 1
            watch, _ = step(watch, events.Opening("a"), now, 1.0)
            watch, decision = step(watch, events.Failed("no route to host"), now, 1.0)
        assert decision.at is not None
        assert decision.at - now <= LIMITS.backoff.cap
        now = decision.at
        watch, decision = step(watch, events.Passed(), now, 1.0)
    assert attempts > 86_400 / LIMITS.backoff.cap
