"""One agent's entry in the fleet's document: its word while it is heard of, and `UNKNOWN` when it is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agent.fleet import lost
from agent.fleet.document import AgentEntry
from agent.fleet.rows import AgentRow, BeatRow, FleetRows, Presence, Role, is_gone, presence, seen_at
from agent.fleet.word import Word, unpacked
from agent.health.answer import STARTING
from agent.health.document import OUTCOMES
from agent.model import UNKNOWN, Severity
from agent.text import how_long

STANDBY = "STANDBY"
ENDED = "ENDED"
UNSEEN = "UNSEEN"
UNREADABLE = "UNREADABLE"

MOVING = {"silent_for_s": 0.0, "clock_offset_ms": None}
"""What of an entry moves by itself; so does the message of a silent one, and when it was seen."""


class Words:
    """Reads each word once: they are written when they change, and looked at every second."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[str | None, Word | None]] = {}

    def of(self, agent: AgentRow) -> Word | None:
        """The word of an agent, `None` where there is none that can be read."""
        known = self._read.get(agent.name)
        if known is None or known[0] != agent.word:
            known = self._read[agent.name] = (agent.word, _read(agent.word))
        return known[1]

    def keep(self, names: Iterable[str]) -> None:
        """Forget all other agents."""
        self._read = {name: self._read[name] for name in names if name in self._read}


def _read(text: str | None) -> Word | None:
    if text is None:
        return None
    try:
        return unpacked(text)
    except ValueError:
        return None


def entries(
    rows: FleetRows, words: Words, *, at: datetime, me: str, is_stale: bool = False
) -> tuple[AgentEntry, ...]:
    """The entries at an instant, the worst first. `me` is the agent that looks, and knows of itself."""
    made = [
        _entry(agent, words.of(agent), rows.beats.get(name), at, _seen(agent, rows, me, is_stale))
        for name, agent in rows.agents.items()
        if not is_gone(agent, at)
    ]
    words.keep(rows.agents)
    return tuple(sorted(made, key=order))


def order(entry: AgentEntry) -> tuple[bool, int, str]:
    """Those in trouble first, those that were stopped last."""
    return entry.state is Presence.ENDED, -entry.severity.rank, entry.name


def content(entry: AgentEntry) -> AgentEntry:
    """What of an entry is news when it changes."""
    if entry.state is Presence.HERE:
        return entry.model_copy(update={**MOVING, "seen_at": entry.started_at})
    return entry.model_copy(update={**MOVING, "message": ""})


def _seen(agent: AgentRow, rows: FleetRows, me: str, is_stale: bool) -> Presence:
    if agent.name == me:
        return Presence.HERE
    found = presence(agent, rows)
    return Presence.UNSEEN if is_stale and found is not Presence.ENDED else found


def _entry(
    agent: AgentRow, word: Word | None, beat: BeatRow | None, at: datetime, state: Presence
) -> AgentEntry:
    seen = seen_at(agent, beat)
    told = _told(agent, word, state, seen, at)
    return AgentEntry(
        **{name: getattr(told, name) for name in Word.model_fields},
        name=agent.name,
        desk=agent.desk,
        role=agent.role,
        url=agent.url,
        host=agent.host,
        version=agent.version,
        config_hash=agent.config_hash,
        started_at=agent.started_at,
        seen_at=seen,
        silent_for_s=max(0.0, round((at - seen).total_seconds(), 1)),
        clock_offset_ms=beat.clock_offset_ms if beat is not None else None,
        state=state,
        said=word.code if word is not None and state is not Presence.HERE else None,
    )


def _told(agent: AgentRow, word: Word | None, state: Presence, seen: datetime, at: datetime) -> Word:
    """What is to be believed of an agent now: its word only while it is heard of."""
    if state is Presence.HERE:
        return _said(agent, word)
    last = f" (it said {word.code} last)" if word is not None else ""
    if state is Presence.ENDED:
        text = f"{agent.name} was stopped as planned{last}"
        return _instead(word, ENDED, Severity.OK, text, agent.ended_at or agent.changed_at)
    if state is Presence.SILENT:
        text = f"{agent.name} has not been heard of for {how_long(at - seen)}{last}"
        return _instead(word, lost.CODE, Severity.UNKNOWN, text, seen)
    return _instead(word, UNSEEN, Severity.UNKNOWN, f"{agent.name} cannot be seen from here{last}", seen)


def _said(agent: AgentRow, word: Word | None) -> Word:
    if agent.role is Role.STANDBY:
        return _instead(word, STANDBY, Severity.OK, f"Stands by for {agent.desk}", agent.changed_at)
    if word is not None:
        return word
    if agent.word is None:
        return _instead(None, STARTING, Severity.UNKNOWN, "It has yet to speak", agent.started_at)
    text = f"Its word cannot be read; is {agent.version} another version than ours?"
    return _instead(None, UNREADABLE, Severity.UNKNOWN, text, agent.changed_at)


def _instead(word: Word | None, code: str, severity: Severity, message: str, since: datetime) -> Word:
    """Another answer in place of a word; of its machines there is no more left than that they exist."""
    answer = Word(
        status=OUTCOMES[severity],
        code=code,
        severity=severity,
        message=message,
        color="grey",
        since=since,
        ready=False,
        tradable=False,
        revision=word.revision if word is not None else 0,
    )
    if word is None:
        return answer
    told = {"reason": code, "message": "", "since": since, "severity": severity, "state": UNKNOWN}
    kept: dict[str, object] = {"machines": tuple(one.model_copy(update=told) for one in word.machines)}
    if code == STANDBY:
        kept |= {"trouble": word.trouble, "failing": word.failing}
    if code != ENDED:
        kept |= {"incident": word.incident, "backlog": word.backlog}
    return answer.model_copy(update=kept)
