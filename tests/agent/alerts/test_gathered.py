"""Notices about notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.gathered import GATHERED, IDS, LISTED, MISSED, Item, digest, missed
from agent.model import NoticeReason, NoticeType, Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def item(number: int = 0, severity: Severity = Severity.WARNING, **changes: object) -> Item:
    values = {
        "notice": f"{number:032}",
        "stream": str(number),
        "code": "FEED_STALE",
        "severity": severity,
        "created_at": NOON + timedelta(seconds=number),
    }
    return Item(**(values | changes))  # type: ignore[arg-type]


def test_a_digest_has_the_gravest_first_the_ids_of_all_and_the_number_of_the_others() -> None:
    items = [item(number) for number in range(LISTED + 20)] + [
        item(99, Severity.CRITICAL, code="AUTH_REQUIRED"),
        item(100, Severity.OK, code="LIVE", is_recovery=True),
    ]
    notice = digest(items, now=NOON, agent="desk", new_id="d")
    assert (notice.type, notice.reason, notice.code) == (NoticeType.REMINDER, NoticeReason.GATHERED, GATHERED)
    assert (notice.severity, notice.since, notice.incident) == (Severity.CRITICAL, NOON, None)
    assert notice.message.startswith(
        "32 notices came within a short time and are told in one: "
        "AUTH_REQUIRED (critical) at 06:31:39 UTC [00000099]; "
        "FEED_STALE (warning) at 06:30:00 UTC [00000000]; "
    )
    assert notice.message.endswith("; 21 more of FEED_STALE; 1 more of LIVE.")
    assert notice.document["notices"] == [
        f"{99:032}", *(f"{number:032}" for number in range(LISTED + 20)), f"{100:032}"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (
            [item()],
            "1 notice could not be delivered here and will not come: FEED_STALE (warning) at 06:30:00",
        ),
        ([item(), item(1)], "2 notices could not be delivered here and will not come: "),
        ([item(code="LIVE", is_recovery=True)], "recovery, now LIVE at 06:30:00 UTC [00000000]."),
    ],
)
def test_what_was_missed_is_told_with_its_time(items: list[Item], words: str) -> None:
    notice = missed(items, now=NOON, agent="desk", new_id="m")
    assert (notice.reason, notice.code) == (NoticeReason.MISSED, MISSED)
    assert words in notice.message


def test_ten_thousand_fit_into_a_message() -> None:
    notice = digest([item(n, code=f"CODE_{n}") for n in range(10_000)], now=NOON, agent="desk", new_id="d")
    assert len(notice.message) < 1_000
    assert len(notice.document["notices"]) == IDS  # type: ignore[arg-type]
