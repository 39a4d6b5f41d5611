"""What one run hands to the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.incidents import Course
from agent.alerts.plan import Known
from agent.alerts.told import Thread, Told, Waiting
from agent.health.fold import fold, unprobed
from agent.health.stages import Held, Memory, Stage
from agent.model import Incident, Machine, Report, Severity
from agent.store.snapshot import pack, unpack

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
MACHINE = Machine(name="feed", kind="k", role="feed")


def test_everything_comes_back() -> None:
    report = Report(state="STALE", reason="NO_TICKS", observed_at=NOON)
    status = fold(unprobed(MACHINE, NOON), report, believed_for=timedelta(1))
    memory = Memory(
        NOON,
        {
            ("feed-stale", None): Held(Stage.ACTIVE, NOON, NOON),
            ("auth", "kite"): Held(Stage.CLEARING, NOON, NOON),
        },
        {("gone", "kite"): NOON},
        frozenset({("feed-stale", None)}),
        {("feed-stale", None): (NOON, NOON)},
        ("feed-stale", None),
        NOON - timedelta(minutes=1),
        NOON,
    )
    told = Told(
        incident=Incident(id="i", opened_at=NOON, url="u"),
        code="FEED_STALE",
        severity=Severity.CRITICAL,
        since=NOON,
        began=NOON,
        at=NOON,
        last_at=NOON,
        is_flapping=True,
        was_critical=True,
        rule="feed-stale",
        machines=frozenset({"feed", "market"}),
    )
    threads = {
        ("chat", None): Thread(told),
        ("phone", "alpha"): Thread(None, Waiting(since=NOON, is_end=True, is_seen=True)),
    }
    known = Known(threads, frozenset({("feed-stale", None), ("feed-stale", "alpha")}))
    course = Course(told.incident, "FEED_STALE")
    read = unpack(pack(7, {"feed": status}, memory, known=known, course=course))
    assert (read.revision, read.memory, read.known, read.course) == (7, memory, known, course)
    assert read.was_told
    assert read.states == {"feed": ("STALE", NOON)}


def test_a_machine_that_is_unknown_now_hands_on_what_was_known_before() -> None:
    status = replace(unprobed(MACHINE, NOON), resumes=("STALE", NOON))
    assert unpack(pack(1, {"feed": status}, Memory(NOON))).states == {"feed": ("STALE", NOON)}
    assert unpack(pack(1, {"feed": unprobed(MACHINE, NOON)}, Memory(NOON))).states == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"revision": 1}'])
def test_a_text_that_is_no_snapshot_raises(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        unpack(text)
