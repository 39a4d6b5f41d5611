"""The watchdog's verdicts and cures, one story at a time; seconds count from the start."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.api import Expectation, Verdict
from plugins.feed import events
from plugins.feed.canaries import make_basket
from plugins.feed.states import Action, Reason, State
from plugins.feed.watch import Limits, begin
from plugins.feed.watchdog import Decision, step

EPOCH = 1_700_000_000
ONE, TWO = 1, 2


class Story:
    """A feed that the test tells what happens, second by second."""

    def __init__(self, expectation: Expectation = Expectation.DATA, **limits: float) -> None:
        self.now = 0.0
        self.watch = begin(Limits(**limits), make_basket({ONE: "ONE", TWO: "TWO"}), expectation, 0.0)
        self.decision = Decision(None)  # type: ignore[arg-type]

    def then(self, event: events.Event, draw: float = 1.0) -> Story:
        self.watch, self.decision = step(self.watch, event, self.now, draw)
        return self

    def at(self, now: float) -> Story:
        self.now = now
        return self.then(events.Passed())

    def open(self) -> Story:
        self.then(events.CredentialChanged("a")).then(events.Opening("a")).then(events.Opened())
        return self.then(events.Subscribed())

    def beat(self) -> Story:
        return self.then(events.Heard(self.now, EPOCH + self.now))

    def tick(self, *tokens: int, late: float = 0, stamp: float | None = None) -> Story:
        wall = EPOCH + self.now
        stamps = dict.fromkeys(tokens, wall - late if stamp is None else stamp)
        return self.then(events.Heard(self.now, wall, packets=max(1, len(tokens)), stamps=stamps))

    def beat_until(self, end: float) -> Story:
        """Heartbeats each second, and whatever is wished is done."""
        while self.now < end:
            self.at(min(self.now + 1, end)).beat()
        return self

    @property
    def state(self) -> tuple[State, Reason]:
        return self.decision.verdict.state, self.decision.verdict.reason

    @property
    def action(self) -> Action:
        return self.decision.action


CONNECTED_TICKING = (State.CONNECTED, Reason.TICKING)
CONNECTED_IDLE = (State.CONNECTED, Reason.IDLE)


def ticking(**limits: float) -> Story:
    return Story(**limits).open().tick(ONE, TWO).at(1).tick(ONE, TWO)


def test_without_a_credential_no_attempt_is_made_however_long() -> None:
    story = Story().then(events.CredentialChanged(None)).at(86_400)
    assert story.state == (State.DISCONNECTED, Reason.AWAITING_CREDENTIAL)
    assert story.action is Action.NONE
    assert story.decision.at is None


def test_why_there_is_no_credential_is_said() -> None:
    story = Story().then(events.CredentialChanged(None, trouble="/etc/desk/.env: permission denied"))
    assert story.decision.verdict.message == "/etc/desk/.env: permission denied"


def test_a_new_credential_is_tried_at_once() -> None:
    story = Story().then(events.CredentialChanged(None)).at(100).then(events.CredentialChanged("a"))
    assert story.action is Action.CONNECT
    assert story.state == (State.CONNECTING, Reason.NO_HEARTBEAT)


def test_an_open_connection_that_says_nothing_is_not_yet_connected() -> None:
    assert Story().open().state == (State.CONNECTING, Reason.NO_HEARTBEAT)


def test_heartbeats_alone_are_health_when_nothing_is_expected() -> None:
    assert Story(Expectation.NOTHING).open().beat_until(3600).state == CONNECTED_IDLE


def test_heartbeats_alone_are_health_when_a_connection_is_expected() -> None:
    assert Story(Expectation.CONNECTION).open().beat_until(3600).state == CONNECTED_IDLE


def test_a_recent_packet_that_answers_the_subscribe_proves_the_feed() -> None:
    assert Story().open().tick(ONE, TWO, late=1).state == CONNECTED_TICKING


def test_a_cached_packet_is_not_life() -> None:
    story = Story().at(1).open().tick(ONE, TWO, late=60_000)
    assert story.state == (State.CONNECTING, Reason.NO_TICKS)
    assert story.beat_until(10.9).state == (State.CONNECTING, Reason.NO_TICKS)
    assert story.beat_until(11).state == (State.STALE, Reason.NO_TICKS)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        pytest.param(10.9, CONNECTED_TICKING, id="just before stale_after"),
        pytest.param(11.0, (State.STALE, Reason.NO_TICKS), id="at stale_after"),
    ],
)
def test_a_feed_that_beats_but_does_not_tick_is_stale(now: float, state: tuple[State, Reason]) -> None:
    assert ticking().beat_until(now).state == state


@pytest.mark.parametrize(
    ("now", "state"),
    [
        pytest.param(5.9, CONNECTED_TICKING, id="just before heartbeat_after"),
        pytest.param(6.0, (State.STALE, Reason.NO_HEARTBEAT), id="at heartbeat_after"),
    ],
)
def test_a_feed_that_says_nothing_is_stale(now: float, state: tuple[State, Reason]) -> None:
    assert ticking().at(now).state == state


def test_silence_is_dropped_and_connected_again_at_once() -> None:
    story = ticking(settled_after=1).at(6)
    assert story.action is Action.DROP
    story.then(events.Closed(Reason.NO_HEARTBEAT))
    assert story.action is Action.CONNECT
    assert story.state == (State.STALE, Reason.NO_HEARTBEAT)


def test_a_silent_feed_stays_stale_through_its_reconnects_until_it_is_heard() -> None:
    story = ticking().at(6).then(events.Closed(Reason.NO_HEARTBEAT)).then(events.Opening("a"))
    assert story.state == (State.STALE, Reason.NO_HEARTBEAT)
    story.then(events.Opened()).then(events.Subscribed())
    assert story.state == (State.STALE, Reason.NO_HEARTBEAT)
    assert story.action is Action.NONE
    assert story.at(7).tick(ONE, TWO).state == CONNECTED_TICKING


def test_a_mute_feed_is_first_subscribed_again_and_then_connected_again() -> None:
    story = ticking().beat_until(11)
    assert story.action is Action.RESUBSCRIBE
    story.then(events.Subscribed(Reason.NO_TICKS))
    assert story.action is Action.NONE
    assert story.beat_until(20.5).action is Action.NONE
    assert story.beat_until(21).action is Action.RECONNECT
    story.then(events.Closed(Reason.NO_TICKS))
    assert story.state == (State.STALE, Reason.NO_TICKS)
    assert story.action is Action.CONNECT


def test_the_answer_to_a_cure_is_no_cure() -> None:
    story = ticking().beat_until(11).then(events.Subscribed(Reason.NO_TICKS))
    assert story.tick(ONE, TWO, late=0.5).state == (State.STALE, Reason.NO_TICKS)
    assert story.at(12).tick(ONE, TWO).state == CONNECTED_TICKING
    assert story.watch.cure.count == 0


def test_cures_are_repeated_ever_more_slowly_up_to_the_cap() -> None:
    story = ticking(cure_cap=60).beat_until(11)
    instants = []
    while story.now < 400:
        if story.action is Action.RESUBSCRIBE:
            story.then(events.Subscribed(Reason.NO_TICKS))
            instants.append(story.now)
        elif story.action is Action.RECONNECT:
            instants.append(story.now)
            story.then(events.Closed(Reason.NO_TICKS)).then(events.Opening("a"))
            story.then(events.Opened()).then(events.Subscribed())
        story.beat_until(story.now + 1)
    assert [b - a for a, b in pairwise(instants)] == [10, 20, 40, 60, 60, 60, 60, 60]


def test_silent_canaries_are_named_and_subscribed_to_again_but_the_rest_is_kept() -> None:
    story = ticking()
    while story.now < 11:
        story.at(story.now + 1).tick(ONE)
    assert story.state == (State.STALE, Reason.PARTIAL)
    assert "TWO" in story.decision.verdict.message
    assert "ONE" not in story.decision.verdict.message
    for _ in range(100):
        assert story.action in (Action.NONE, Action.RESUBSCRIBE)
        if story.action is Action.RESUBSCRIBE:
            story.then(events.Subscribed(Reason.PARTIAL))
        story.at(story.now + 1).tick(ONE)
    assert story.at(story.now + 1).tick(ONE, TWO).tick(ONE, TWO).at(story.now + 1).tick(ONE, TWO).state == (
        CONNECTED_TICKING
    )


def test_ticks_that_are_late_for_long_make_the_feed_lag() -> None:
    story = ticking()
    while story.now < 10:
        story.at(story.now + 1).tick(ONE, TWO, late=5.5)
    assert story.state == CONNECTED_TICKING
    assert story.at(11).tick(ONE, TWO, late=5.5).state == (State.STALE, Reason.LAGGING)
    assert story.at(12).tick(ONE, TWO, late=4.9).state == CONNECTED_TICKING


def test_timestamps_that_stand_still_while_packets_flow_are_lag() -> None:
    story = ticking()
    while story.now < 11:
        story.at(story.now + 1).tick(ONE, TWO, stamp=EPOCH + 1)
    assert story.state == (State.STALE, Reason.LAGGING)


@pytest.mark.parametrize(
    "stamp",
    [pytest.param(0, id="1970"), pytest.param(EPOCH + 86_400 * 365, id="next year")],
)
def test_a_timestamp_that_cannot_be_true_is_counted_and_is_no_life(stamp: float) -> None:
    story = ticking()
    while story.now < 11:
        story.at(story.now + 1).tick(ONE, TWO, stamp=stamp + story.now)
    assert story.state == (State.STALE, Reason.LAGGING)
    assert "clock" in story.decision.verdict.message
    assert story.watch.basket.implausible == 20


def test_at_the_bell_the_age_of_ticks_counts_from_the_bell() -> None:
    story = Story(Expectation.CONNECTION).open().beat_until(3600)
    story.then(events.ExpectationChanged(Expectation.DATA))
    assert story.state == CONNECTED_IDLE
    assert story.beat_until(3609.9).state == CONNECTED_IDLE
    assert story.beat_until(3610).state == (State.STALE, Reason.NO_TICKS)


def test_when_data_is_no_longer_expected_a_mute_feed_is_well() -> None:
    story = ticking().beat_until(11).then(events.ExpectationChanged(Expectation.NOTHING))
    assert story.state == CONNECTED_IDLE
    assert story.action is Action.NONE


def test_a_drop_so_short_that_the_ticks_are_still_young_is_soon_forgotten() -> None:
    story = ticking(settled_after=0.5).at(2).then(events.Closed(Reason.CLOSED_BY_PEER, "code 1001"))
    assert story.state == (State.DISCONNECTED, Reason.CLOSED_BY_PEER)
    assert story.action is Action.CONNECT
    assert story.then(events.Opening("a")).state == (State.CONNECTING, Reason.CLOSED_BY_PEER)
    story.then(events.Opened()).then(events.Subscribed())
    assert story.beat().state == CONNECTED_TICKING


def test_retries_are_still_being_disconnected_and_no_news() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a"))
    story.then(events.Failed("no route to host"))
    before = story.decision.verdict
    assert story.state == (State.DISCONNECTED, Reason.NETWORK)
    story.at(1).then(events.Opening("a"))
    assert story.decision.verdict == before


def test_a_broker_that_accepts_and_closes_at_once_is_not_stormed() -> None:
    story = Story().then(events.CredentialChanged("a"))
    attempts = 0
    while story.now < 600:
        if story.action is Action.CONNECT:
            attempts += 1
            story.then(events.Opening("a")).then(events.Opened()).beat()
            story.then(events.Closed(Reason.CLOSED_BY_PEER))
        story.at(story.decision.at or story.now)
    assert attempts < 600 / 30 + 10


def test_a_refused_handshake_waits_for_whoever_can_ask() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a")).then(events.Refused(403))
    story.then(events.CredentialChanged("a", Verdict.DOUBTED))
    assert story.state == (State.DISCONNECTED, Reason.REFUSED)
    assert story.action is Action.NONE
    story.at(1).then(events.CredentialChanged("a", Verdict.REFUSED))
    assert story.state == (State.DISCONNECTED, Reason.AWAITING_CREDENTIAL)
    assert story.at(86_400).action is Action.NONE
    assert story.then(events.CredentialChanged("b")).action is Action.CONNECT


def test_a_refusal_of_a_living_credential_means_that_the_key_has_no_streaming() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a")).then(events.Refused(403))
    story.then(events.CredentialChanged("a", Verdict.DOUBTED))
    story.at(1).then(events.CredentialChanged("a", Verdict.ACCEPTED))
    assert story.state == (State.DISCONNECTED, Reason.REFUSED)
    assert "no streaming" in story.decision.verdict.message
    assert story.at(299).action is Action.NONE
    assert story.at(300).action is Action.CONNECT


def test_a_doubt_that_nobody_answers_leads_to_a_slow_retry() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a")).then(events.Refused(403))
    story.then(events.CredentialChanged("a", Verdict.DOUBTED)).at(15)
    assert story.state == (State.DISCONNECTED, Reason.REFUSED)
    assert "nobody could say" in story.decision.verdict.message
    assert story.action is Action.NONE
    assert story.at(300).action is Action.CONNECT


def test_another_machines_doubt_is_waited_for_a_moment() -> None:
    story = Story().then(events.CredentialChanged("a", Verdict.DOUBTED))
    assert story.action is Action.NONE
    assert story.at(15).action is Action.CONNECT


def test_a_refusal_that_a_newer_credential_has_overtaken_is_forgotten() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a"))
    story.then(events.CredentialChanged("b")).then(events.Refused(403))
    assert story.action is Action.CONNECT


def test_too_many_connections_cool_down_even_when_data_begins_to_be_expected() -> None:
    story = Story(Expectation.CONNECTION).then(events.CredentialChanged("a")).then(events.Opening("a"))
    story.then(events.Refused(429))
    assert story.state == (State.DISCONNECTED, Reason.RATE_LIMITED)
    story.at(1).then(events.ExpectationChanged(Expectation.DATA))
    assert story.at(29.9).action is Action.NONE
    assert story.at(30).action is Action.CONNECT


def test_an_open_feed_is_kept_though_its_credential_died() -> None:
    story = ticking().then(events.CredentialChanged("a", Verdict.REFUSED))
    assert story.state == CONNECTED_TICKING
    assert story.action is Action.NONE
    assert "one drop away" in story.decision.verdict.message


def test_a_mute_feed_that_could_not_be_made_again_is_not_given_up() -> None:
    story = ticking().then(events.CredentialChanged("a", Verdict.REFUSED))
    for _ in range(200):
        story.beat_until(story.now + 1)
        assert story.action in (Action.NONE, Action.RESUBSCRIBE)
        if story.action is Action.RESUBSCRIBE:
            story.then(events.Subscribed(Reason.NO_TICKS))
    assert story.state == (State.STALE, Reason.NO_TICKS)


def test_a_new_credential_leaves_a_healthy_feed_alone() -> None:
    story = ticking().then(events.CredentialChanged("b"))
    assert story.action is Action.NONE
    assert story.state == CONNECTED_TICKING


def test_a_new_credential_makes_a_mute_feed_connect_again_at_once() -> None:
    story = ticking().beat_until(11).then(events.Subscribed(Reason.NO_TICKS))
    assert story.then(events.CredentialChanged("b")).action is Action.RECONNECT


def test_a_night_without_network_is_quiet_and_ends_at_once_when_something_is_expected() -> None:
    story = Story(Expectation.NOTHING).then(events.CredentialChanged("a"))
    attempts = 0
    while story.now < 6 * 3600:
        if story.action is Action.CONNECT:
            attempts += 1
            story.then(events.Opening("a")).then(events.Failed("no route to host"))
        story.at(story.decision.at or story.now)
    assert attempts < 6 * 3600 / 150
    assert story.state == (State.DISCONNECTED, Reason.NETWORK)
    story.now += 0.5
    assert story.then(events.ExpectationChanged(Expectation.CONNECTION)).action is Action.CONNECT


def test_news_that_the_broker_was_reached_end_the_wait_for_the_network() -> None:
    story = Story().then(events.CredentialChanged("a"))
    for _ in range(8):
        story.then(events.Opening("a")).then(events.Failed("no route to host"))
        story.at(story.decision.at or story.now)
    story.then(events.Opening("a")).then(events.Failed("no route to host"))
    assert story.action is Action.NONE
    assert story.then(events.CredentialChanged("a", Verdict.ACCEPTED)).action is Action.CONNECT


def test_an_attempt_that_nobody_ends_ends_by_itself() -> None:
    story = Story().then(events.CredentialChanged("a")).then(events.Opening("a")).at(5)
    assert story.state == (State.DISCONNECTED, Reason.NETWORK)
    assert story.at(6).action is Action.CONNECT


def test_a_reconnect_on_request_is_made_at_once() -> None:
    story = ticking().then(events.Told())
    assert story.action is Action.RECONNECT
    story.then(events.Closed(None))
    assert story.action is Action.CONNECT
    assert story.then(events.Opening("a")).action is Action.NONE


def test_pongs_are_life_only_where_the_broker_has_no_heartbeat() -> None:
    story = ticking()
    for now in range(2, 7):
        story.at(now).then(events.Ponged())
    assert story.state == (State.STALE, Reason.NO_HEARTBEAT)
    assert "answers pings" in story.decision.verdict.message
    story = Story(Expectation.NOTHING)
    story.watch = begin(Limits(pongs_are_life=True), make_basket({ONE: "ONE"}), Expectation.NOTHING, 0)
    story.open()
    for now in range(1, 60):
        story.at(now).then(events.Ponged())
    assert story.state == CONNECTED_IDLE
