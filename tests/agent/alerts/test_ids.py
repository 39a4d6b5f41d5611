"""Derived ids have in them all that makes an event another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent.alerts.ids import RANDOM, DerivedIds, Tale
from agent.model import NoticeReason

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
IDS = DerivedIds("mumbai")
TALE = Tale(incident="i", during="i", ordinal=1, reason=NoticeReason.FIRST, code="FEED_STALE", group=None)


def test_an_incident_is_the_same_all_day_in_every_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert IDS.incident("i", "C", None, NOON) == IDS.incident("i", "C", None, there + timedelta(seconds=1))
    assert len(IDS.incident(None, "C", None, NOON)) == 32


@pytest.mark.parametrize(
    ("desk", "former", "code", "group", "at"),
    [
        pytest.param("chennai", "i", "C", "g", NOON, id="another desk"),
        pytest.param("mumbai", "j", "C", "g", NOON, id="behind another one"),
        pytest.param("mumbai", None, "C", "g", NOON, id="the first"),
        pytest.param("mumbai", "i", "D", "g", NOON, id="another code"),
        pytest.param("mumbai", "i", "C", None, NOON, id="of no group"),
        pytest.param("mumbai", "i", "C", "g", NOON + timedelta(days=1), id="another day"),
    ],
)
def test_another_incident_has_another_id(desk, former, code, group, at) -> None:
    assert DerivedIds(desk).incident(former, code, group, at) != IDS.incident("i", "C", "g", NOON)


def test_after_a_backup_was_put_back_the_same_number_is_of_another_event() -> None:
    later = DerivedIds("mumbai", era=lambda: 1)
    assert later.incident("i", "C", "g", NOON) != IDS.incident("i", "C", "g", NOON)
    assert later.notice(TALE, NOON) != IDS.notice(TALE, NOON)


@pytest.mark.parametrize(
    "other",
    [
        {"incident": "j"},
        {"during": "j"},
        {"ordinal": 2},
        {"reason": NoticeReason.REPEAT},
        {"code": "AUTH_REQUIRED"},
        {"group": "alpha"},
    ],
    ids=str,
)
def test_another_notice_has_another_id(other) -> None:
    assert IDS.notice(replace(TALE, **other), NOON) != IDS.notice(TALE, NOON)
    assert IDS.notice(TALE, NOON + timedelta(days=1)) != IDS.notice(TALE, NOON)


def test_a_reminder_is_of_its_deadline_and_its_instant() -> None:
    key, left = ("login-before-open", "alpha"), timedelta(minutes=30)
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert IDS.reminder(key, NOON, left) == IDS.reminder(key, there, left)
    others = {
        IDS.reminder(("login-before-open", None), NOON, left),
        IDS.reminder(key, NOON + timedelta(days=1), left),
        IDS.reminder(key, NOON, timedelta(minutes=15)),
    }
    assert len({IDS.reminder(key, NOON, left), *others}) == 4


def test_random_ones_are_all_others() -> None:
    found = {RANDOM.notice(TALE, NOON), RANDOM.notice(TALE, NOON), RANDOM.incident(None, "C", None, NOON)}
    found |= {RANDOM.reminder(("r", None), NOON, timedelta(0)), RANDOM.incident(None, "C", None, NOON)}
    assert len(found) == 5
