"""The values that travel down the line, every one of them frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

Json = object
"""Anything that `json.dumps` takes; checked where a report enters."""

UNKNOWN = "UNKNOWN"
"""The state of which nothing is known; every machine may be in it, and silence leads to it."""


class CoreReason(StrEnum):
    """Why a machine is `UNKNOWN`; given by the core, and `OUT_OF_CALENDAR` by a market machine."""

    NOT_PROBED = "NOT_PROBED"
    PROBE_TIMEOUT = "PROBE_TIMEOUT"
    PROBE_FAILED = "PROBE_FAILED"
    STALE_REPORT = "STALE_REPORT"
    PLUGIN_ERROR = "PLUGIN_ERROR"
    QUARANTINED = "QUARANTINED"
    OUT_OF_CALENDAR = "OUT_OF_CALENDAR"


class Severity(StrEnum):
    """How bad a thing is, from best to worst."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    UNKNOWN = "unknown"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for the best."""
        return _SEVERITIES.index(self)

    @property
    def is_problem(self) -> bool:
        """Whether a person should hear of it."""
        return self.rank >= _SEVERITIES.index(Severity.WARNING)


_SEVERITIES = list(Severity)


class Expectation(StrEnum):
    """What the market's phase demands of a feed at this moment."""

    DATA = "data"
    CONNECTION = "connection"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch in which a market is live, on a day of the exchange's own; instants are UTC."""

    day: date
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a state machine says of itself at one instant.

    `valid_for` is how long it may be believed; after that the core says `UNKNOWN`,
    `STALE_REPORT`. `None` means: until the next report is due twice over.
    `next_change_at` is the known instant of the next change, such as a session boundary.
    The name of a measure ends in its unit (`tick_age_s`, `lag_ms`).
    """

    state: str
    reason: str
    observed_at: datetime
    message: str = ""
    valid_for: timedelta | None = None
    next_change_at: datetime | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Who a state machine is: the part of it that never changes while the agent runs."""

    name: str
    kind: str
    role: str
    group: str | None = None
    states: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known of one machine: its latest report, and since when its state has held.

    `resumes` is the state, and its `since`, that a former run of the agent knew last.
    """

    machine: Machine
    state: str
    reason: str
    since: datetime
    observed_at: datetime
    message: str = ""
    valid_until: datetime | None = None
    next_change_at: datetime | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    resumes: tuple[str, datetime] | None = None

    @property
    def is_unknown(self) -> bool:
        return self.state == UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A person's wish not to be told of some problems for a while; what it names must all be so."""

    id: str
    who: str
    why: str
    starts_at: datetime
    ends_at: datetime
    rule: str | None = None
    code: str | None = None
    machine: str | None = None
    group: str | None = None


class Subject(StrEnum):
    """What a transition is about."""

    MACHINE = "machine"
    PROBLEM = "problem"
    LEAD = "lead"
    INCIDENT = "incident"
    SILENCE = "silence"
    REMEDY = "remedy"
    CONFIGURATION = "configuration"
    ACTION = "action"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One edge, as the journal keeps it: of a machine's state, a problem's stage, the leading code,
    an incident, a silence, a remedy, the configuration, what a person had a machine do, or of the
    clock. `incident` is the id of the one that was open then.
    """

    at: datetime
    subject: Subject
    name: str
    group: str | None
    before: str | None
    after: str | None
    reason: str = ""
    message: str = ""
    incident: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a person can do about the leading answer now."""

    kind: str
    label: str
    href: str
    method: str = "GET"


class NoticeType(StrEnum):
    """What a notice is to its receiver."""

    PROBLEM = "problem"
    RECOVERY = "recovery"
    REMINDER = "reminder"
    TEST = "test"


class NoticeReason(StrEnum):
    """Why a notice is sent now."""

    FIRST = "FIRST"
    WORSE = "WORSE"
    CAUSE_CHANGED = "CAUSE_CHANGED"
    UNSUPPRESSED = "UNSUPPRESSED"
    FLAPPING = "FLAPPING"
    REPEAT = "REPEAT"
    ESCALATED = "ESCALATED"
    RECOVERED = "RECOVERED"
    UNWATCHED = "UNWATCHED"
    REMINDER = "REMINDER"
    TEST = "TEST"
    GATHERED = "GATHERED"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A person's word that they are at it; it ends with its incident."""

    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The stretch of time in which the leading answer was a problem.

    `code`, `severity` and `message` are those of its worst moment. `closed_at` is `None` while
    it lasts.
    """

    id: str
    opened_at: datetime
    url: str | None = None
    closed_at: datetime | None = None
    code: str = ""
    severity: Severity = Severity.UNKNOWN
    message: str = ""
    acknowledged: Acknowledgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told to people and programs; it carries all that a receiver may want to know.

    `machines` holds one mapping a machine involved: `name`, `state`, `reason`, `message`.
    `document` is the document's summary at the time: `status`, `code`, `severity`, `message`,
    `since`, `valid_until`. `duration` is how long the problem lasted, for a recovery only. `group`
    is the problem's.
    """

    id: str
    type: NoticeType
    reason: NoticeReason
    code: str
    severity: Severity
    message: str
    since: datetime
    created_at: datetime
    agent: str
    group: str | None = None
    incident: Incident | None = None
    machines: tuple[Mapping[str, str], ...] = ()
    action: Action | None = None
    duration: timedelta | None = None
    document: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receiver's word that it has a notice: its status and, where it gives one, its own id.

    `remark` is the notifier's own word on a notice that was taken all the same: what an operator
    should see to. The agent is then `DEGRADED` until it is started anew.
    """

    status: str
    id: str | None = None
    remark: str | None = None
