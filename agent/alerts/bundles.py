"""Letters that another one tells of: folded into a recovery, or gathered into a digest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent.alerts import gathered, letters
from agent.alerts.frozen import thaw
from agent.alerts.gathered import Item
from agent.alerts.letters import Letter, LetterState
from agent.model import NoticeType


def fold(line: Sequence[Letter], now: datetime) -> tuple[tuple[Letter, ...], tuple[Letter, ...]]:
    """What a waiting recovery makes superfluous in its line, ended, and what is left to send.

    A recovery says what was wrong and for how long, so that a person who has not heard of the
    problem yet need not be alarmed by it.
    """
    found = [place for place, letter in enumerate(line) if letter.type is NoticeType.RECOVERY]
    if not found:
        return (), tuple(line)
    recovery = line[found[-1]]
    ended = tuple(
        replace(
            letter,
            state=LetterState.SUPERSEDED,
            ended_at=now,
            receipt=f"told by the recovery {recovery.notice}",
        )
        for letter in line[: found[-1]]
    )
    return ended, tuple(line[found[-1] :])


def gather(letter: Letter, digest: str, now: datetime) -> Letter:
    """One message tells of it and of others."""
    return replace(letter, state=LetterState.SUPERSEDED, ended_at=now, receipt=f"told by the digest {digest}")


def digest(waiting: Sequence[Letter], *, seq: int, new_id: str, now: datetime) -> Letter:
    """One letter that tells of several to the same address."""
    agent = next((name for name in map(agent_of, waiting) if name), "")
    notice = gathered.digest([item(one) for one in waiting], now=now, agent=agent, new_id=new_id)
    (letter,) = letters.write(notice, [waiting[0].address], after=seq - 1, now=now)
    return letter


def agent_of(letter: Letter) -> str:
    """Whose letter it is; nobody's if its body cannot be read."""
    try:
        return thaw(letter.body).agent
    except (ValueError, KeyError, TypeError):
        return ""


def item(letter: Letter) -> Item:
    """What a notice about notices says of this one."""
    return Item(
        notice=letter.notice,
        stream=letter.stream,
        code=letter.code,
        severity=letter.severity,
        created_at=letter.created_at,
        is_recovery=letter.type is NoticeType.RECOVERY,
    )
