"""The shapes of all answers that are not the document itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.alerts.letters import LetterState
from agent.health.availability import Period
from agent.health.document import BlockerPart, MachinePart, Outcome
from agent.health.explain import Explanation
from agent.model import Incident, NoticeType, Severity, Silence, Transition
from agent.store.rows import Deed
from agent.web.access import Scope


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _but(*names: str) -> Callable[[dict[str, Any]], None]:
    """Of an answer these fields may be missing."""

    def loosen(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema.get("required", []) if name not in names]

    return loosen


class Fault(_Shape):
    """One thing that is wrong with a body."""

    at: str
    """The key, with dots for those within others."""
    what: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it. `detail` says what would do."""

    model_config = ConfigDict(
        extra="allow", use_attribute_docstrings=True, json_schema_extra=_but("known", "faults")
    )

    type: str
    title: str
    status: int
    detail: str
    known: list[str] = []
    """What there is, where the request named something that is not there."""
    faults: list[Fault] = []


class Summary(_Shape):
    """The document in six lines."""

    status: Outcome
    code: str
    severity: Severity
    message: str
    since: datetime
    valid_until: datetime
    """Past it, do not trust this."""


class _Verdict(_Shape):
    code: str
    blockers: list[BlockerPart]
    market: str | None
    valid_until: datetime


class Readiness(_Verdict):
    """Whether all is there that trading requires, and what is missing."""

    ready: bool


class Tradability(_Verdict):
    """Whether the desk is ready and the market is live, and what is missing."""

    tradable: bool


class Machine(MachinePart):
    """One machine as it stands."""

    name: str


class Done(_Shape):
    """What an action did, and the machine after it."""

    done: str
    machine: Machine


class Explanations(_Shape):
    """Every rule in every group."""

    rules: list[Explanation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Transition):
    """One edge, as the journal keeps it."""

    id: int


class History(_Shape):
    """Transitions, newest first."""

    transitions: list[Edge]
    next_before: int | None


class Incidents(_Shape):
    """Incidents, newest first."""

    incidents: list[Incident]
    next_before: datetime | None


class Line(_Shape):
    """What one receiver was told, and what came of it."""

    id: str
    seq: int
    notice: str
    """The notice's own id, by which its receiver knows it."""
    notifier: str
    recipient: str | None
    incident: str | None
    type: NoticeType
    code: str
    severity: Severity
    reason: str | None
    state: LetterState
    attempts: int
    receipt: str | None
    error: str | None
    created_at: datetime
    next_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeIncident(Incident):
    """One incident with all that happened in it."""

    timeline: list[Edge]
    notices: list[Line]


class Notices(_Shape):
    """Notices, a line for each receiver, newest first."""

    notices: list[Line]
    next_before: int | None


class Test(_Shape):
    """What came of a test notice, a line for each receiver."""

    notices: list[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSilence(Silence):
    """A silence, and whether it holds now."""

    active: bool


class Silences(_Shape):
    """Silences that hold, are to come, or ended a short while ago."""

    silences: list[ListedSilence]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDeed(Deed):
    """What somebody had the agent do."""

    id: int


class Audit(_Shape):
    """What people and programs had the agent do, newest first."""

    audit: list[ListedDeed]
    next_before: int | None


class Rights(_Shape):
    """What the caller may do."""

    scopes: list[Scope]
    session: bool
    fleet: bool
    """Whether the agent shares a store with others, so that there is a fleet to look at."""


class Forgotten(_Shape):
    """Who is off the list."""

    forgotten: str


class Run(_Shape):
    """A stretch in which the agent ran."""

    since: datetime
    until: datetime


class Runs(_Shape):
    """When the agent ran, oldest first."""

    runs: list[Run]


class Blind(_Shape):
    """What the time without a view was made of."""

    login_s: float
    feed_s: float
    unknown_s: float
    away_s: float


class Count(_Shape):
    """Market time, and how much of it was seen."""

    sessions: int
    open_s: float
    seen_s: float
    blind_s: float
    blind: Blind
    availability: float | None
    outages: int
    healed: int
    saved_s: float
    late_logins: int
    late_s: float


class CountOfPeriod(Count):
    """A count, and the day or month that it is of."""

    period: str


class Availability(BaseModel):
    """How much of the market's time a feed was seen."""

    model_config = ConfigDict(extra="allow")

    machine: str
    machines: list[str]
    by: Period
    known_since: datetime | None
    response_s: float
    total: Count
    rows: list[CountOfPeriod]


class Link(_Shape):
    """A fresh login link."""

    machine: str
    href: str


class Check(_Shape):
    """One machine in the draft's words."""

    model_config = ConfigDict(extra="forbid")

    componentId: str  # noqa: N815 - the draft's own spelling
    componentType: Literal["component"]  # noqa: N815
    observedValue: str  # noqa: N815
    status: Outcome
    time: datetime
    output: str


class HealthCheck(_Shape):
    """The document in the shape of the draft "Health Check Response Format for HTTP APIs"."""

    model_config = ConfigDict(json_schema_extra=_but("output"))

    status: Outcome
    version: str
    releaseId: str  # noqa: N815
    serviceId: str  # noqa: N815
    description: str
    notes: list[str]
    checks: dict[str, list[Check]]
    output: str | None = Field(default=None)


class Pushed(BaseModel):
    """What a trading process reports; its shape is that of the machine's kind."""

    model_config = ConfigDict(extra="allow")


class Command(BaseModel):
    """What a trading process is to do, if anything."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_but("watch"))

    watch: list[Any] = []
