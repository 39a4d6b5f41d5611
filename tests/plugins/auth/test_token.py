from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.auth.asking import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    PROFILE,
    RATE_LIMIT_PAUSE_S,
    Tries,
    next_ask_s,
    pause_after,
)
from plugins.auth.rollover import Rollover
from plugins.auth.token import Evidence, Moment, Reason, State, believed_for, judge

IST = ZoneInfo("Asia/Kolkata")
KITE = Rollover(time(6, 0), time(7, 30), IST)
START = datetime(2026, 11, 24, 0, 0, tzinfo=IST).astimezone(UTC)
EVERY_S = 300.0


def at(clock: str, day: int = 24) -> Moment:
    hour, minute, second = map(int, f"{clock}:00".split(":")[:3])
    instant = datetime(2026, 11, day, hour, minute, second, tzinfo=IST).astimezone(UTC)
    return Moment(instant, (instant - START).total_seconds())


def evidence(*, refused: Moment | None = None, **proofs: Moment) -> Evidence:
    return Evidence(
        generation="g",
        proofs={by: moment.s for by, moment in proofs.items()},
        refused_s=None if refused is None else refused.s,
    )


@pytest.mark.parametrize(
    ("known", "now", "answer"),
    [
        pytest.param(None, at("09:00"), (State.REQUIRED, Reason.MISSING), id="no token"),
        pytest.param(
            evidence(), at("09:00"), (State.REQUIRED, Reason.UNVERIFIED), id="a token alone proves nothing"
        ),
        pytest.param(
            evidence(profile=at("08:00")), at("09:00"), (State.VALID, Reason.VERIFIED), id="a proof of today"
        ),
        pytest.param(
            evidence(handshake=at("08:00")), at("09:00"), (State.VALID, Reason.VERIFIED), id="a feed's proof"
        ),
        pytest.param(
            evidence(profile=at("05:59:59")),
            at("05:59:59"),
            (State.VALID, Reason.VERIFIED),
            id="the second before the rollover",
        ),
        pytest.param(
            evidence(profile=at("05:59:59")),
            at("06:00"),
            (State.VALID, Reason.UNVERIFIED),
            id="the rollover itself: the clock alone ends nothing",
        ),
        pytest.param(
            evidence(profile=at("06:00")),
            at("06:00"),
            (State.VALID, Reason.VERIFIED),
            id="asked at the rollover",
        ),
        pytest.param(
            evidence(profile=at("05:00"), handshake=at("06:30")),
            at("07:00"),
            (State.VALID, Reason.VERIFIED),
            id="the latest proof counts",
        ),
        pytest.param(
            evidence(profile=at("05:00"), refused=at("06:01")),
            at("09:00"),
            (State.EXPIRED, Reason.ROLLOVER),
            id="a rollover between proof and refusal",
        ),
        pytest.param(
            evidence(profile=at("06:10"), refused=at("07:30")),
            at("09:00"),
            (State.EXPIRED, Reason.REJECTED),
            id="no rollover between proof and refusal",
        ),
        pytest.param(
            evidence(profile=at("12:00"), refused=at("12:05")),
            at("09:00", 25),
            (State.EXPIRED, Reason.REJECTED),
            id="a rollover after the refusal explains nothing",
        ),
        pytest.param(
            evidence(refused=at("08:00")), at("09:00"), (State.EXPIRED, Reason.REJECTED), id="never proven"
        ),
    ],
)
def test_the_state_follows_from_the_evidence(
    known: Evidence | None, now: Moment, answer: tuple[State, Reason]
) -> None:
    assert judge(known, KITE, now) == answer


def test_a_proof_outdoes_an_earlier_refusal_and_a_refusal_keeps_the_proofs() -> None:
    refused = evidence(profile=at("08:00")).refused("profile", at("08:05").s)
    assert refused.proofs == {"profile": at("08:00").s}
    assert judge(refused.accepted("profile", at("08:06").s), KITE, at("08:06"))[0] is State.VALID


@pytest.mark.parametrize(
    ("now", "last", "following", "mark", "end"),
    [
        ("05:59:59", at("06:00", 23), at("06:00"), at("06:00"), None),
        ("06:00", at("06:00"), at("06:00", 25), at("07:30"), at("07:30")),
        ("07:29:59", at("06:00"), at("06:00", 25), at("07:30"), at("07:30")),
        ("07:30", at("06:00"), at("06:00", 25), at("06:00", 25), None),
        ("23:59:59", at("06:00"), at("06:00", 25), at("06:00", 25), None),
    ],
)
def test_the_rollover_has_two_sides(
    now: str, last: Moment, following: Moment, mark: Moment, end: Moment | None
) -> None:
    instant = at(now).at
    assert KITE.last(instant) == last.at
    assert KITE.next(instant) == following.at
    assert KITE.next_mark(instant) == mark.at
    assert KITE.uncertain_end(instant) == (end.at if end else None)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.times(),
    st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_now_always_lies_between_two_rollovers_of_a_day(now: datetime, of_day: time, zone: str) -> None:
    rollover = Rollover(of_day.replace(fold=0), of_day.replace(fold=0), ZoneInfo(zone))
    assert rollover.last(now) <= now < rollover.next(now)
    assert rollover.next(now) - rollover.last(now) <= timedelta(hours=26)
    assert rollover.uncertain_end(now) is None


ASKED = Tries(last_s=0.0)


@pytest.mark.parametrize(
    ("known", "tries", "now", "asks"),
    [
        pytest.param(None, Tries(), at("09:00"), None, id="no token"),
        pytest.param(evidence(), Tries(), at("09:00"), at("09:00"), id="a new token"),
        pytest.param(
            evidence(profile=at("08:59")), Tries(), at("09:00"), at("09:00"), id="a proof of a former run"
        ),
        pytest.param(evidence(profile=at("09:00")), ASKED, at("09:01"), at("09:05"), id="at a steady pace"),
        pytest.param(evidence(profile=at("05:57")), ASKED, at("05:58"), at("06:00"), id="at the rollover"),
        pytest.param(evidence(profile=at("06:00")), ASKED, at("06:01"), at("06:05"), id="within the window"),
        pytest.param(
            evidence(profile=at("07:28")), ASKED, at("07:29"), at("07:30"), id="at the window's end"
        ),
        pytest.param(
            evidence(handshake=at("09:00")), ASKED, at("09:01"), at("09:01"), id="a feed's proof is not ours"
        ),
        pytest.param(evidence(refused=at("08:00")), ASKED, at("09:00"), None, id="a dead token, never again"),
        pytest.param(evidence(refused=at("08:00")), Tries(), at("09:00"), None, id="nor after a restart"),
        pytest.param(
            evidence(refused=at("08:00")),
            Tries(last_s=0.0, is_wished=True),
            at("09:00"),
            at("09:00"),
            id="unless it is wished",
        ),
        pytest.param(
            evidence(refused=at("08:00")),
            Tries(last_s=at("08:59").s, failures=1, pause_s=90.0),
            at("09:00"),
            None,
            id="a dead token that could not be asked about",
        ),
        pytest.param(
            evidence(profile=at("08:00")),
            Tries(last_s=at("08:59").s, failures=2, pause_s=90.0, is_wished=True),
            at("09:00"),
            at("09:00:30"),
            id="after a failure, whatever the wish",
        ),
    ],
)
def test_the_broker_is_asked_in_time_and_not_more(
    known: Evidence | None, tries: Tries, now: Moment, asks: Moment | None
) -> None:
    assert next_ask_s(known, tries, KITE, EVERY_S, now) == (None if asks is None else asks.s)


def test_pauses_grow_to_a_limit_and_the_brokers_wish_is_a_floor_within_reason() -> None:
    pauses = [pause_after(n, rate_limited=False) for n in range(1, 2000, 7)]
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert pause_after(1, rate_limited=True) == RATE_LIMIT_PAUSE_S
    assert pause_after(1, rate_limited=True, wished_s=90) == 90
    assert pause_after(1, rate_limited=True, wished_s=1e9) == 3600


def test_a_valid_token_is_believed_for_three_turns_and_no_other_state_for_less_than_usual() -> None:
    every = timedelta(minutes=5)
    assert believed_for(evidence(profile=at("09:00")), every, at("09:04")) == timedelta(minutes=11)
    assert believed_for(evidence(profile=at("09:00")), every, at("10:00")) == timedelta(0)
    for known in (None, evidence(), evidence(profile=at("09:00"), refused=at("09:01"))):
        assert believed_for(known, every, at("10:00")) is None


def test_ages_outlive_a_step_of_the_wall_clock() -> None:
    proven = evidence(profile=at("09:00"))
    now = at("09:05")
    stepped = Moment(now.at - timedelta(hours=4), now.s)
    assert stepped.instant(proven.proofs[PROFILE]) == stepped.at - timedelta(minutes=5)
    assert judge(proven, KITE, stepped) == (State.VALID, Reason.VERIFIED)


_SECONDS = st.integers(0, 3 * 86_400).map(float)


@given(
    proofs=st.dictionaries(st.sampled_from(["profile", "session", "handshake"]), _SECONDS),
    refused=st.none() | _SECONDS,
    now_s=st.integers(3 * 86_400, 5 * 86_400).map(float),
)
def test_only_a_proof_makes_valid_and_only_a_refusal_ends(
    proofs: dict[str, float], refused: float | None, now_s: float
) -> None:
    known = Evidence(generation="g", proofs=proofs, refused_s=refused)
    state, reason = judge(known, KITE, Moment(START + timedelta(seconds=now_s), now_s))
    assert (state is State.EXPIRED) == (refused is not None)
    assert (state is State.VALID) == (refused is None and bool(proofs))
    assert reason is not Reason.MISSING
