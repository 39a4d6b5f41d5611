"""The rule table: what is a problem, how bad, for how long, and what it explains away."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from agent.model import UNKNOWN, Action, CoreReason, Machine, Severity, Status

MARKET = "market"
"""The role whose `UNKNOWN` counts as `LIVE`: without a calendar, alarms stay on."""

LIVE = "LIVE"
ANY = "*"

SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

Key = tuple[str, str | None]
"""A problem's identity: the rule's id and the group."""


@dataclass(frozen=True, slots=True)
class Match:
    """The states that a rule wants of a role: some, any (`*`), or all but some (`!X`)."""

    wanted: frozenset[str]
    unwanted: frozenset[str]

    @classmethod
    def of(cls, words: Iterable[str]) -> Match:
        words = tuple(words)
        return cls(
            frozenset(word for word in words if not word.startswith("!")),
            frozenset(word[1:] for word in words if word.startswith("!")),
        )

    def holds(self, status: Status) -> bool | None:
        """Whether the status is wanted; `None` where an `UNKNOWN` leaves it undecided."""
        state = status.state
        if state in self.wanted or ANY in self.wanted:
            return True
        if state != UNKNOWN:
            return bool(self.unwanted) and state not in self.unwanted
        if status.machine.role == MARKET and status.reason != CoreReason.NOT_PROBED:
            return LIVE in self.wanted or (bool(self.unwanted) and LIVE not in self.unwanted)
        return None


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on a measure, as in `calendar_left_days <= 45`."""

    measure: str
    sign: str
    bound: float

    def holds(self, status: Status) -> bool | None:
        """Whether the measure is there and within the bound; `None` where an `UNKNOWN` has none to show."""
        value = status.measures.get(self.measure)
        if value is None:
            return None if status.is_unknown else False
        return SIGNS[self.sign](value, self.bound)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule wants of one role, and the machines that it looks at."""

    match: Match
    limits: tuple[Limit, ...]
    machines: tuple[str, ...]

    def holds(self, status: Status) -> bool | None:
        """As `Match.holds`, with the limits; an undecided state stays undecided."""
        state = self.match.holds(status)
        if not state or not self.limits:
            return state
        answers = {limit.holds(status) for limit in self.limits}
        return False if False in answers else None if None in answers else True


def session_words(session: Status | None) -> frozenset[str]:
    """A market's state and reason; one that is unknown counts as `LIVE`."""
    if session is None:
        return frozenset()
    return frozenset({LIVE if session.is_unknown else session.state, session.reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table; the order of the table is the order of priority.

    `limits` are bounds on measures of the first role in `when`. With `before_open` it holds only
    in that span before the session's next open, and `remind` has the spans at which people are
    reminded until then: a deadline is a rule of this kind.
    """

    id: str
    code: str
    when: tuple[tuple[str, Match], ...]
    limits: tuple[Limit, ...] = ()
    severity: Severity
    color: str
    severity_in: Mapping[str, Severity] = field(default_factory=dict)
    suppresses: frozenset[str] = frozenset()
    suppress_extend: timedelta = timedelta(0)
    hold_for: timedelta = timedelta(0)
    clear_for: timedelta = timedelta(0)
    probe_first: frozenset[str] = frozenset()
    message: str | None = None
    action: Action | None = None
    before_open: timedelta | None = None
    remind: tuple[timedelta, ...] = ()

    @property
    def names_the_session(self) -> bool:
        """Whether it says how things are when nothing is wrong, and so is never a problem."""
        return self.severity is Severity.OK

    def severity_at(self, session: Status | None) -> Severity:
        """How bad it is in the session: its reason decides before its state."""
        if session is None:
            return self.severity
        state = LIVE if session.is_unknown else session.state
        by_state = self.severity_in.get(state, self.severity)
        return self.severity_in.get(session.reason, by_state)


@dataclass(frozen=True, slots=True)
class Scope:
    """A rule bound to one group: which machines it looks at, and which problems hide it."""

    rule: Rule
    group: str | None
    conditions: tuple[Condition, ...]
    session: str | None
    suppressors: tuple[tuple[Key, timedelta], ...]
    ask_first: tuple[str, ...]
    key: Key


@dataclass(frozen=True, slots=True)
class Flapping:
    """More than `changes` turns of a problem's condition within `within` hold the problem active."""

    changes: int = 6
    within: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Ruleset:
    """The whole table, bound to the machines that there are."""

    scopes: tuple[Scope, ...]
    machines: tuple[Machine, ...]
    session: str | None
    readiness: tuple[tuple[str, Match], ...] = ()
    startup_grace: timedelta = timedelta(seconds=5)
    probe_patience: timedelta = timedelta(seconds=2)
    flapping: Flapping = Flapping()

    @cached_property
    def by_key(self) -> dict[Key, Scope]:
        return {scope.key: scope for scope in self.scopes}

    @cached_property
    def problems(self) -> frozenset[Key]:
        """The keys of all scopes but those that name the session."""
        return frozenset(scope.key for scope in self.scopes if not scope.rule.names_the_session)

    @cached_property
    def timed(self) -> tuple[Scope, ...]:
        """The scopes that count in some span before the open only."""
        return tuple(scope for scope in self.scopes if scope.rule.before_open is not None)


def bind(
    rules: Sequence[Rule],
    machines: Sequence[Machine],
    *,
    session: str | None,
    readiness: Mapping[str, Iterable[str]] | None = None,
    startup_grace: timedelta = timedelta(seconds=5),
    flapping: Flapping = Flapping(),
) -> Ruleset:
    """Bind the table to the machines, rule by rule and group by group, in the table's order."""
    by_name = {machine.name: machine for machine in machines}
    home = by_name[session].group if session is not None else None
    scopes = [
        _scope(rule, group, rules, machines)
        for rule in rules
        for group in _groups(rule, machines)
        if not rule.names_the_session or group == home
    ]
    return Ruleset(
        scopes=tuple(scopes),
        machines=tuple(machines),
        session=session,
        readiness=tuple((role, Match.of(words)) for role, words in (readiness or {}).items()),
        startup_grace=startup_grace,
        flapping=flapping,
    )


def _groups(rule: Rule, machines: Sequence[Machine]) -> list[str | None]:
    roles = {role for role, _ in rule.when}
    return list(dict.fromkeys(m.group for m in machines if ANY in roles or m.role in roles))


def members(role: str, group: str | None, machines: Sequence[Machine]) -> tuple[str, ...]:
    """The group's machines of a role, or, where it has none, those that belong to no group."""
    own = tuple(m.name for m in machines if m.group == group and role in (m.role, ANY))
    if own or role == ANY:
        return own
    return tuple(m.name for m in machines if m.group is None and m.role == role)


def _scope(rule: Rule, group: str | None, rules: Sequence[Rule], machines: Sequence[Machine]) -> Scope:
    sessions = members(MARKET, group, machines)
    homes = (group,) if group is None else (group, None)
    return Scope(
        rule=rule,
        group=group,
        conditions=tuple(
            Condition(match, rule.limits if number == 0 else (), members(role, group, machines))
            for number, (role, match) in enumerate(rule.when)
        ),
        session=sessions[0] if sessions else None,
        suppressors=tuple(
            ((other.id, home), other.suppress_extend)
            for other in rules
            if rule.id in other.suppresses
            for home in homes
        ),
        ask_first=tuple(name for role in sorted(rule.probe_first) for name in members(role, group, machines)),
        key=(rule.id, group),
    )
