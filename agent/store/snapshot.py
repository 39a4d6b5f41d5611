"""What a new run of the agent must know of the former one, as one JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.alerts.incidents import Course
from agent.alerts.plan import Known
from agent.alerts.told import Thread, Told, Waiting
from agent.health.stages import Held, Memory, Stage
from agent.model import Incident, Severity, Status
from agent.store.rows import incident_row, read_incident

KEY = "core:snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The last revision, the states and since when they held, the open problems, what was told."""

    revision: int
    states: Mapping[str, tuple[str, datetime]]
    memory: Memory
    known: Known = field(default_factory=Known)
    course: Course = field(default_factory=Course)

    @property
    def was_told(self) -> bool:
        """Whether somebody was told of a problem, and not of its end."""
        return any(thread.told is not None for thread in self.known.threads.values())


def pack(
    revision: int,
    statuses: Mapping[str, Status],
    memory: Memory,
    *,
    known: Known | None = None,
    course: Course | None = None,
) -> str:
    """Write a snapshot as text; a machine that is unknown now keeps what was known before."""
    states = {
        name: (status.resumes if status.is_unknown else (status.state, status.since))
        for name, status in statuses.items()
    }
    return json.dumps(
        {
            "revision": revision,
            "states": {name: [kept[0], kept[1].isoformat()] for name, kept in states.items() if kept},
            "started_at": memory.started_at.isoformat(),
            "looked_at": memory.looked_at.isoformat() if memory.looked_at is not None else None,
            "at": memory.at.isoformat() if memory.at is not None else None,
            "held": [
                [rule, group, held.stage, held.since.isoformat(), held.stage_since.isoformat()]
                for (rule, group), held in memory.held.items()
            ],
            "ended": [[rule, group, at.isoformat()] for (rule, group), at in memory.ended.items()],
            "lead": memory.lead,
            "matched": sorted(memory.matched, key=str),
            "turns": [
                [rule, group, [at.isoformat() for at in turns]]
                for (rule, group), turns in memory.turns.items()
            ],
            **_pack_known(known or Known()),
            "incident": _pack_incident(course.incident) if course is not None else None,
            "code": course.code if course is not None else None,
            "last": course.last if course is not None else None,
            "told": course.told if course is not None else 0,
        }
    )


def unpack(text: str) -> Snapshot:
    """Read a snapshot. Raises `ValueError` or `KeyError` for a text that is not one."""
    read: dict[str, Any] = json.loads(text)
    at = datetime.fromisoformat
    return Snapshot(
        revision=int(read["revision"]),
        states={name: (state, at(since)) for name, (state, since) in read["states"].items()},
        memory=Memory(
            started_at=at(read["started_at"]),
            held={
                (rule, group): Held(Stage(stage), at(since), at(stage_since))
                for rule, group, stage, since, stage_since in read["held"]
            },
            ended={(rule, group): at(ended) for rule, group, ended in read["ended"]},
            matched=frozenset((rule, group) for rule, group in read.get("matched", [])),
            turns={(rule, group): tuple(map(at, turns)) for rule, group, turns in read.get("turns", [])},
            lead=(read["lead"][0], read["lead"][1]) if read.get("lead") else None,
            looked_at=at(read["looked_at"]) if read.get("looked_at") else None,
            at=at(read["at"]) if read.get("at") else None,
        ),
        known=_unpack_known(read),
        course=Course(
            _unpack_incident(read.get("incident")),
            read.get("code"),
            last=read.get("last"),
            told=int(read.get("told", 0)),
        ),
    )


def _pack_known(known: Known) -> dict[str, object]:
    return {
        "threads": [
            [notifier, group, _pack_told(thread.told), _pack_waiting(thread.waiting)]
            for (notifier, group), thread in known.threads.items()
        ],
        "hidden": sorted(known.hidden, key=str),
    }


def _unpack_known(read: dict[str, Any]) -> Known:
    threads = {
        (notifier, group): Thread(_unpack_told(told), _unpack_waiting(waiting))
        for notifier, group, told, waiting in read.get("threads", [])
    }
    return Known(threads, frozenset((rule, group) for rule, group in read.get("hidden", [])))


def _pack_told(told: Told | None) -> dict[str, object] | None:
    if told is None:
        return None
    return {
        "incident": _pack_incident(told.incident),
        "code": told.code,
        "severity": told.severity,
        "since": told.since.isoformat(),
        "began": told.began.isoformat(),
        "at": told.at.isoformat(),
        "last_at": told.last_at.isoformat(),
        "is_flapping": told.is_flapping,
        "was_critical": told.was_critical,
        "rule": told.rule,
        "machines": sorted(told.machines),
    }


def _unpack_told(read: dict[str, Any] | None) -> Told | None:
    if read is None:
        return None
    at = datetime.fromisoformat
    return Told(
        incident=read_incident(read["incident"]),
        code=read["code"],
        severity=Severity(read["severity"]),
        since=at(read["since"]),
        began=at(read["began"]),
        at=at(read["at"]),
        last_at=at(read["last_at"]),
        is_flapping=bool(read["is_flapping"]),
        was_critical=bool(read["was_critical"]),
        rule=read.get("rule"),
        machines=frozenset(read.get("machines", ())),
    )


def _pack_waiting(waiting: Waiting | None) -> list[object] | None:
    return None if waiting is None else [waiting.since.isoformat(), waiting.is_end, waiting.is_seen]


def _unpack_waiting(read: list[Any] | None) -> Waiting | None:
    if read is None:
        return None
    since, is_end, *more = read
    return Waiting(since=datetime.fromisoformat(since), is_end=bool(is_end), is_seen=any(more))


def _pack_incident(incident: Incident | None) -> object:
    return incident_row(incident) if incident is not None else None


def _unpack_incident(row: Any) -> Incident | None:
    return read_incident(row) if row else None
