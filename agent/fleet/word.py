"""An agent's word for the fleet: its document in what a screen of two hundred desks has room for.

It is kept in the store and read by agents of other versions, which is why it repeats what it takes over
from the document: a change of the document must not change the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from agent.fleet import lost
from agent.health import self_check
from agent.health.document import OUTCOMES, HealthDocument, MachinePart, Outcome, ProblemPart
from agent.health.rules import MARKET
from agent.model import Incident, Severity
from agent.text import plain

MESSAGE_LENGTH = 200
REMARK_LENGTH = 80
"""Of what a single machine says; the answer's own message has more room."""

COUNTED = frozenset({"active", "clearing", "silenced"})
"""The phases of problems that are how things are: people may not be told, and the screen is."""

APART = frozenset({self_check.MACHINE.role, lost.MACHINE.role})
"""Roles of the core's own machines, which are no part of the desk."""

COLORS = {
    Severity.OK: "green",
    Severity.INFO: "blue",
    Severity.WARNING: "yellow",
    Severity.UNKNOWN: "grey",
    Severity.CRITICAL: "red",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class MachineWord(_Part):
    """One machine, and the worst of the problems that point at it."""

    name: str
    role: str
    group: str | None = None
    state: str
    reason: str
    message: str = ""
    since: datetime
    severity: Severity = Severity.OK


class IncidentWord(_Part):
    """The incident that is open, and who is at it."""

    id: str
    opened_at: datetime
    code: str
    acknowledged_by: str | None = None


class Backlog(_Part):
    """Notices that wait to be delivered, and since when the oldest does."""

    waiting: int = 0
    oldest_at: datetime | None = None


class Word(_Part):
    """What an agent says: the leading answer, its machines, the troubled first, and its own troubles."""

    status: Outcome
    code: str
    severity: Severity
    message: str
    color: str
    since: datetime
    ready: bool
    tradable: bool
    revision: int
    machines: tuple[MachineWord, ...] = ()
    incident: IncidentWord | None = None
    backlog: Backlog = Backlog()
    failing: tuple[str, ...] = ()
    """The notifiers that do not deliver."""
    trouble: str | None = None
    """What is wrong with the agent itself."""


def word_of(document: HealthDocument, incident: Incident | None = None) -> Word:
    """The word of a document; `incident` is the open one.

    That another agent is lost is no trouble of this one's desk, whoever is told of it.
    """
    answer = _answer(document)
    return Word(
        status=OUTCOMES[answer.severity],
        code=answer.code,
        severity=answer.severity,
        message=plain(answer.message, MESSAGE_LENGTH),
        color=answer.color,
        since=answer.since,
        ready=document.ready,
        tradable=document.tradable,
        revision=document.revision,
        machines=_machines(document),
        incident=_incident(incident),
        backlog=_backlog(document),
        failing=tuple(one.name for one in document.agent.notifiers if one.state == "failing"),
        trouble=_trouble(document.machines.get(self_check.NAME)),
    )


def packed(word: Word) -> str:
    """The word as compact JSON, without what has its default."""
    return word.model_dump_json(exclude_defaults=True)


def unpacked(text: str) -> Word:
    """The word of a JSON text, also of another version of this program. Raises `ValueError`."""
    return Word.model_validate_json(text)


class _Answer(_Part):
    code: str
    severity: Severity
    message: str
    color: str
    since: datetime


def _answer(document: HealthDocument) -> _Answer:
    """What leads, were it not for other agents: the next problem, or else the session."""
    if document.cause.machine != lost.NAME:
        return _Answer.model_validate(document, from_attributes=True)
    for one in document.problems:
        leads = _counts(one) and one.severity.is_problem and not one.aside
        if leads and one.machine != lost.NAME:
            told = one.model_dump(include={"code", "severity", "message", "since"})
            return _Answer(**told, color=COLORS[one.severity])
    session = [part for part in document.machines.values() if part.role == MARKET]
    return _Answer(
        code=session[0].state if session else "WELL",
        severity=Severity.OK,
        message=session[0].message if session else "",
        color=COLORS[Severity.OK],
        since=session[0].since if session else document.since,
    )


def _machines(document: HealthDocument) -> tuple[MachineWord, ...]:
    """All but the agent's own; the cause of the leading answer first, then the worse ones."""
    cause = document.cause.machine
    found = [
        _machine(name, part, document.problems)
        for name, part in document.machines.items()
        if part.role not in APART
    ]
    return tuple(sorted(found, key=lambda one: (one.name != cause, -one.severity.rank)))


def _machine(name: str, part: MachinePart, problems: Sequence[ProblemPart]) -> MachineWord:
    pointing = [one.severity for one in problems if one.machine == name and _counts(one)]
    return MachineWord(
        name=name,
        role=part.role,
        group=part.group,
        state=part.state,
        reason=part.reason,
        message=plain(part.message, REMARK_LENGTH),
        since=part.since,
        severity=max(pointing, key=lambda one: one.rank, default=Severity.OK),
    )


def _counts(problem: ProblemPart) -> bool:
    return not problem.suppressed_by and problem.phase in COUNTED


def _incident(incident: Incident | None) -> IncidentWord | None:
    if incident is None:
        return None
    word = incident.acknowledged
    return IncidentWord(
        id=incident.id,
        opened_at=incident.opened_at,
        code=incident.code,
        acknowledged_by=plain(word.who, REMARK_LENGTH) if word is not None else None,
    )


def _backlog(document: HealthDocument) -> Backlog:
    notifiers = document.agent.notifiers
    oldest = [one.oldest_at for one in notifiers if one.oldest_at is not None]
    return Backlog(waiting=sum(one.waiting for one in notifiers), oldest_at=min(oldest, default=None))


def _trouble(itself: MachinePart | None) -> str | None:
    """Until it has spoken for the first time there is nothing to tell."""
    if itself is None or itself.state != "DEGRADED":
        return None
    return plain(itself.message, REMARK_LENGTH)
