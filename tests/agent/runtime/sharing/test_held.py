"""Letters that wait for the right to be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.alerts.letters import Address, Letter
from agent.model import NoticeType, Severity
from agent.runtime.sharing.held import Held

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def letter(id_: str, *, stream: str = "one", severity: Severity = Severity.CRITICAL) -> Letter:
    return Letter(
        id=id_,
        seq=1,
        notice=id_,
        address=Address(notifier="desk"),
        stream=stream,
        type=NoticeType.PROBLEM,
        code="FEED_STALE",
        severity=severity,
        body="{}",
        created_at=NOON,
        next_at=NOON,
        expires_at=NOON + timedelta(hours=24),
    )


class Out:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.held = Held(lambda letters: self.sent.extend(one.id for one in letters))


def test_nothing_goes_before_it_is_claimed() -> None:
    out = Out()
    out.held.put([letter("a"), letter("b")])
    assert out.sent == []
    out.held.claimed([letter("a")])
    assert out.sent == ["a"]
    assert len(out.held) == 1


def test_what_another_agent_left_goes_too_when_it_is_claimed() -> None:
    out = Out()
    out.held.claimed([letter("theirs")])
    assert out.sent == ["theirs"]


def test_a_letter_goes_out_once_whatever_comes_first() -> None:
    out = Out()
    out.held.claimed([letter("a")])
    out.held.put([letter("a")])
    out.held.claimed([letter("a")])
    out.held.alone()
    assert out.sent == ["a"]
    assert len(out.held) == 0


def test_alone_what_is_critical_goes_with_its_stream_and_the_rest_waits() -> None:
    out = Out()
    out.held.put(
        [
            letter("warned", severity=Severity.WARNING),
            letter("worse"),
            letter("other", stream="two", severity=Severity.WARNING),
        ]
    )
    out.held.alone()
    assert out.sent == ["warned", "worse"]
    out.held.put([letter("recovered", severity=Severity.OK)])
    out.held.alone()
    assert out.sent == ["warned", "worse", "recovered"]
    out.held.reached()
    out.held.put([letter("later", severity=Severity.OK)])
    out.held.alone()
    assert out.sent == ["warned", "worse", "recovered"]
    out.held.claimed([letter("other", stream="two", severity=Severity.WARNING), letter("later")])
    assert out.sent[-2:] == ["other", "later"]


def test_what_a_person_has_had_sent_again_is_not_sent_by_a_claim_as_well() -> None:
    out = Out()
    out.held.passed(letter("revived"))
    out.held.claimed([letter("revived")])
    assert out.sent == []
