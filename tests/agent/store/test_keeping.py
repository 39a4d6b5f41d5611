"""What may go for its age, and what looks as if it might and stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.keeping import SIGHT, Keeping, Limits, Past
from agent.web.availability import LONGEST

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def keeping(**more: timedelta) -> Keeping:
    ages = {"history": 90 * DAY, "notices": 30 * DAY, "reports": 30 * DAY, **more}
    return Keeping(**ages, max_bytes=500_000_000)


def limits(**more: timedelta) -> Limits:
    return keeping(**more).limits(NOW)


def row(id_: int, days: float, subject: str = "lead", name: str = "LIVE", is_kept: bool = False) -> tuple:
    return id_, (NOW - days * DAY).isoformat(), subject, name, is_kept


def test_all_that_a_person_can_look_back_at_is_kept_for_it() -> None:
    assert LONGEST <= SIGHT
    assert limits(history=DAY).sight == limits().sight == (NOW - SIGHT).isoformat()
    assert limits(history=800 * DAY).sight == (NOW - 800 * DAY).isoformat()


def test_the_size_leaves_room_for_what_comes_until_the_next_sweep() -> None:
    assert limits().max_bytes == 475_000_000


@pytest.mark.parametrize(
    ("one", "goes"),
    [
        pytest.param(row(1, 90.1), True, id="the lead, just too old"),
        pytest.param(row(1, 89.9), False, id="the lead, just young enough"),
        pytest.param(row(1, 399, "machine"), False, id="a machine's state, which a review needs"),
        pytest.param(row(1, 399, "incident"), False, id="an acknowledgement, which a review needs"),
        pytest.param(row(1, 399, "action"), False, id="what a person had done, which a review needs"),
        pytest.param(row(1, 401, "action"), True, id="what a person had done, out of sight"),
        pytest.param(row(1, 401, "machine"), False, id="a machine's last state, out of sight"),
        pytest.param(row(1, 401, is_kept=True), False, id="part of an incident that is kept"),
        pytest.param(
            row(1, 401, "incident", is_kept=True), False, id="the opening of an incident that is kept"
        ),
    ],
)
def test_what_may_go_for_its_age(one, goes) -> None:
    assert list(Past(limits()).choose([one])) == ([1] if goes else [])


def test_of_a_machine_the_last_state_out_of_sight_stays_across_windows() -> None:
    past = Past(limits())
    first = [row(1, 500, "machine", "feed"), row(2, 490, "machine", "auth"), row(3, 480, "machine", "feed")]
    second = [row(4, 470, "machine", "feed"), row(5, 399, "machine", "auth")]
    assert [*past.choose(first), *past.choose(second)] == [1, 3]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["machine", "lead", "action"]), st.sampled_from("ab"),
            st.integers(0, 60), st.booleans(),
        ),
        max_size=40,
    ),
    st.integers(1, 7),
)  # fmt: skip
def test_at_every_instant_in_sight_each_machines_state_is_still_known(found, window) -> None:
    days = 450 - 0.0
    rows = []
    for id_, (subject, name, gap, is_kept) in enumerate(found, start=1):
        days -= gap
        rows.append(row(id_, max(days, 0), subject, name, is_kept))
    past = Past(limits())
    gone = {id_ for n in range(0, len(rows), window) for id_ in past.choose(rows[n : n + window])}
    left = [one for one in rows if one[0] not in gone]

    def state(known: list[tuple], machine: str, at: str) -> int | None:
        return max(
            (one[0] for one in known if one[2:4] == ("machine", machine) and one[1] <= at), default=None
        )

    for at in [limits().sight, *(one[1] for one in rows if one[1] >= limits().sight)]:
        for machine in "ab":
            assert state(left, machine, at) == state(rows, machine, at)
    assert not [one for one in rows if one[4] and one[0] in gone]
