"""Another agent's silence: when it counts, when it may be, and that ours is not its."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plugins.feed.peer.hearing import (
    Fault,
    Hearing,
    Judgement,
    Patience,
    Reason,
    Session,
    State,
    Word,
    hear,
    judge,
)

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
OPEN, CLOSE = datetime(2026, 11, 23, 3, 45, tzinfo=UTC), datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NEXT_OPEN = datetime(2026, 11, 25, 3, 45, tzinfo=UTC)
LEAD = timedelta(minutes=15)
PATIENCE = Patience(timedelta(seconds=30), LEAD)
LIVE = Session("LIVE", NEXT_OPEN, CLOSE)
CLOSED = Session("CLOSED", NEXT_OPEN, None)
DEAD = Fault(Reason.NO_ANSWER, "Connection refused")
EPSILON = timedelta(milliseconds=1)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def word(session: Session | None = LIVE, *, stamp: datetime = NOW, seen_at: datetime | None = None) -> Word:
    return Word(stamp, seen_at or stamp, s(30), "LIVE", session)


def listening(at: datetime = NOW) -> Hearing:
    return Hearing(since=at, tried_at=at)


def heard(hearing: Hearing, *answers: tuple[Word | Fault, datetime]) -> Hearing:
    for answer, at in answers:
        hearing = hear(hearing, answer, at, PATIENCE)
    return hearing


def judged(hearing: Hearing, at: datetime) -> Judgement:
    return judge(hearing, at, PATIENCE)


def silent_from(at: datetime, session: Session | None) -> Hearing:
    """Heard last at an instant, and asked in vain since."""
    return heard(listening(at), (word(session, stamp=at), at), (DEAD, at + s(5)))


@pytest.mark.parametrize(
    ("after_s", "state"),
    [
        pytest.param(29.999, State.HEARD, id="just before its document runs out"),
        pytest.param(30, State.SILENT, id="as its document runs out"),
    ],
)
def test_a_document_is_believed_for_its_own_span(after_s: float, state: State) -> None:
    found = judged(silent_from(NOW, LIVE), NOW + s(after_s))
    assert found.state is state
    assert (found.reason is Reason.NO_ANSWER) == (state is State.SILENT)


@pytest.mark.parametrize(
    ("after_s", "until_s"),
    [
        pytest.param(12, 17, id="who has little patience is told sooner"),
        pytest.param(120, 125, id="who has more waits longer than the document holds"),
    ],
)
def test_patience_counts_from_the_last_answer(after_s: float, until_s: float) -> None:
    hearing = heard(listening(), (word(), NOW), (word(), NOW + s(5)), (DEAD, NOW + s(10)))
    patience = Patience(s(after_s), LEAD)
    until = min(NOW + s(until_s), NOW + s(max(after_s, 30)))
    assert judge(hearing, until - EPSILON, patience).state is State.HEARD
    assert judge(hearing, until, patience).state is State.SILENT


def test_the_instant_is_told_at_which_its_document_runs_out() -> None:
    assert judged(silent_from(NOW, LIVE), NOW + s(10)).next_at == NOW + s(30)


@pytest.mark.parametrize(
    ("session", "heard_at", "alarms_at"),
    [
        pytest.param(LIVE, CLOSE - s(30) - EPSILON, CLOSE - EPSILON, id="runs out just before the close"),
        pytest.param(LIVE, CLOSE - s(30), NEXT_OPEN - LEAD, id="runs out at the close"),
        pytest.param(CLOSED, NOW, NEXT_OPEN - LEAD, id="runs out at night"),
        pytest.param(CLOSED, NEXT_OPEN - LEAD, NEXT_OPEN - LEAD + s(30), id="runs out before the bell"),
        pytest.param(Session("PRE_OPEN", NEXT_OPEN, CLOSE), NOW, NOW + s(30), id="runs out in the pre-open"),
        pytest.param(Session("UNKNOWN", None, None), NOW, NOW + s(30), id="the calendar has ended"),
        pytest.param(Session("CLOSED", None, None), NOW, NOW + s(30), id="the next open is not known"),
        pytest.param(Session("LIVE", NEXT_OPEN, None), NOW, NOW + s(30), id="the close is not known"),
        pytest.param(None, NOW, NOW + s(30), id="it has no market"),
    ],
)
def test_silence_is_an_alarm_from_its_first_instant_in_a_session(
    session: Session | None, heard_at: datetime, alarms_at: datetime
) -> None:
    hearing = silent_from(heard_at, session)
    before, at = judged(hearing, alarms_at - EPSILON), judged(hearing, alarms_at)
    assert (before.state, at.state) == (
        State.RESTING if alarms_at - heard_at > s(30) else State.HEARD,
        State.SILENT,
    )
    assert before.next_at == alarms_at


def test_an_alarm_lasts_over_the_close_until_it_is_heard() -> None:
    hearing = silent_from(CLOSE - s(60), LIVE)
    assert judged(hearing, CLOSE + timedelta(hours=5)).state is State.SILENT
    back = heard(hearing, (word(CLOSED, stamp=CLOSE + s(30)), CLOSE + s(30)))
    assert judged(back, CLOSE + s(30)).state is State.HEARD


def test_a_document_that_is_served_and_not_renewed_runs_out() -> None:
    hearing = heard(listening(), *((word(seen_at=NOW + s(n)), NOW + s(n)) for n in range(0, 35, 5)))
    found = judged(hearing, NOW + s(30))
    assert (found.state, found.reason, found.silent_since) == (
        State.SILENT,
        Reason.STALE_DOCUMENT,
        NOW + s(30),
    )


def test_the_sessions_are_found_by_a_clock_that_is_days_off() -> None:
    ours = NOW - timedelta(days=100)
    hearing = heard(listening(ours), (word(LIVE, seen_at=ours), ours), (DEAD, ours + s(5)))
    assert judged(hearing, ours + s(29)).state is State.HEARD
    assert judged(hearing, ours + s(30)).state is State.SILENT


@pytest.mark.parametrize(
    ("after_s", "state"),
    [
        pytest.param(29.999, State.LISTENING, id="the first word may still come"),
        pytest.param(30, State.SILENT, id="it has not come"),
    ],
)
def test_who_was_never_heard_is_an_alarm_at_any_hour(after_s: float, state: State) -> None:
    found = judged(heard(listening(), (DEAD, NOW)), NOW + s(after_s))
    assert (found.state, found.reason) == (state, Reason.NO_ANSWER)


@pytest.mark.parametrize(
    ("away_s", "state"),
    [
        pytest.param(60, State.SILENT, id="not away"),
        pytest.param(60.001, State.LISTENING, id="away"),
    ],
)
def test_after_an_absence_of_our_own_it_has_time_to_speak(away_s: float, state: State) -> None:
    hearing = heard(listening(), (word(), NOW))
    back = NOW + s(away_s)
    assert judged(heard(hearing, (DEAD, back)), back).state is state


def test_an_alarm_is_not_ended_by_an_absence_of_our_own() -> None:
    hearing = heard(silent_from(NOW, LIVE), (DEAD, NOW + s(35)))
    back = NOW + timedelta(hours=1)
    assert judged(heard(hearing, (DEAD, back)), back).state is State.SILENT


def test_a_clock_that_is_set_back_does_not_lengthen_belief() -> None:
    hearing = heard(listening(), (word(), NOW))
    earlier = NOW - timedelta(hours=1)
    after = heard(hearing, (DEAD, earlier))
    assert judged(after, earlier + s(30)).state is State.SILENT


def test_judging_again_changes_nothing() -> None:
    hearing = silent_from(NOW, LIVE)
    assert judged(hearing, NOW + s(40)) == judged(replace(hearing), NOW + s(40))
