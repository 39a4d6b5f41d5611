"""What a new run of the agent must know of the former one, as one JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.alerts.plan import Told
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
    told: Told | None
    incident: Incident | None = None


def pack(
    revision: int,
    statuses: Mapping[str, Status],
    memory: Memory,
    *,
    told: Told | None = None,
    incident: Incident | None = None,
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
            "told": _pack_told(told),
            "incident": incident_row(incident) if incident is not None else None,
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
            at=at(read["at"]) if read.get("at") else None,
        ),
        told=_unpack_told(read["told"]),
        incident=read_incident(read["incident"]) if read.get("incident") else None,
    )


def _pack_told(told: Told | None) -> dict[str, object] | None:
    if told is None:
        return None
    return {
        "incident": incident_row(told.incident),
        "code": told.code,
        "severity": told.severity,
        "since": told.since.isoformat(),
    }


def _unpack_told(read: dict[str, Any] | None) -> Told | None:
    if read is None:
        return None
    return Told(
        incident=read_incident(read["incident"]),
        code=read["code"],
        severity=Severity(read["severity"]),
        since=datetime.fromisoformat(read["since"]),
    )
