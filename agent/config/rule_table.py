"""Makes the rule table from its settings: places plugins' rules, and finds what can never work."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from agent.config.complaints import Missing, suggest
from agent.config.schema import DeadlineTable, RuleTable
from agent.health.rules import ANY, MARKET, Limit, Match, Rule, Ruleset
from agent.model import UNKNOWN, Action, Machine, Severity
from agent.registry import OfferedRule

COLORS = {
    Severity.OK: "green",
    Severity.INFO: "blue",
    Severity.WARNING: "yellow",
    Severity.UNKNOWN: "grey",
    Severity.CRITICAL: "red",
}

ACTIONS = {
    "login": Action(kind="login", label="Log in to the broker", href="/api/auth/login?machine={machine}"),
    "reconnect": Action(
        kind="reconnect",
        label="Reconnect the feed",
        href="/api/system/health/{machine}/reconnect",
        method="POST",
    ),
    "verify": Action(
        kind="verify",
        label="Ask the broker again",
        href="/api/system/health/{machine}/verify",
        method="POST",
    ),
}

Place = tuple[str | int, ...]
Complaint = tuple[Place, str]
"""Where in the file, and what was found there and would do."""


@cache
def default_table() -> tuple[RuleTable, ...]:
    """The rules that hold where the file has none of its own."""
    text = (Path(__file__).parent / "default_rules.toml").read_text(encoding="utf-8")
    return tuple(RuleTable.model_validate(table) for table in tomllib.loads(text)["rule"])


def place(table: Sequence[RuleTable], offered: Sequence[OfferedRule]) -> list[RuleTable]:
    """The table with the plugins' rules in their places; a rule of the file with the same id wins.

    Raises `ValueError` for an offered rule that is not one.
    """
    placed = list(table)
    for offer in offered:
        rule = RuleTable.model_validate(offer.rule)
        ids = [one.id for one in placed]
        if rule.id in ids:
            continue
        if offer.before in ids:
            at = ids.index(offer.before)
        elif offer.after in ids:
            at = ids.index(offer.after) + 1
        else:
            at = next((i for i, one in enumerate(placed) if one.severity is Severity.OK), len(placed))
        placed.insert(at, rule)
    return placed


def as_rule(table: RuleTable) -> Rule:
    return Rule(
        id=table.id,
        code=table.code,
        when=tuple((role, Match.of(_words(states))) for role, states in table.when.items()),
        limits=tuple(_limit(measure, bound) for measure, bound in table.measures.items()),
        severity=table.severity,
        color=table.color or COLORS[table.severity],
        severity_in=table.severity_in,
        suppresses=frozenset(table.suppresses),
        suppress_extend=table.suppress_extend,
        hold_for=table.hold_for,
        clear_for=table.clear_for,
        probe_first=frozenset(table.probe_first),
        message=table.message,
        action=ACTIONS[table.action] if table.action is not None else None,
    )


def as_deadline_rules(table: DeadlineTable) -> list[Rule]:
    """A deadline as rules, one a required role: they hold while that role is not in a wanted state.

    `UNKNOWN` does not meet a deadline. Several roles are several rules, so that each says
    what is missing.
    """
    single = len(table.require) == 1
    return [
        Rule(
            id=table.id if single else f"{table.id}-{role}",
            code=table.code,
            when=((role, Match.of([UNKNOWN, *(f"!{state}" for state in states)])),),
            severity=table.severity,
            color=table.color or COLORS[table.severity],
            message=table.message,
            action=ACTIONS[table.action] if table.action is not None else None,
            before_open=table.before_open,
            remind=tuple(table.remind),
        )
        for role, states in table.require.items()
    ]


def _limit(measure: str, bound: str) -> Limit:
    sign = bound[: 2 if bound[1] == "=" else 1]
    return Limit(measure, sign, float(bound.removeprefix(sign)))


def check(
    table: Sequence[RuleTable], machines: Sequence[Machine], readiness: Mapping[str, Sequence[str]]
) -> list[Complaint]:
    """What of the table and of readiness can never match or work, each with what would do."""
    states = _states_by_role(machines)
    session_words = _session_words(machines)
    ids = [rule.id for rule in table]
    found: list[Complaint] = []
    for number, rule in enumerate(table):
        at: Place = ("rule", number)
        if rule.id in ids[:number]:
            found.append(((*at, "id"), f'"{rule.id}": there is a rule of this id above; name it otherwise'))
        found += _check_when((*at, "when"), rule.when, states)
        for other in rule.suppresses:
            if other not in ids:
                found.append(((*at, "suppresses"), Missing(_unknown("rule", other, ids))))
        for role in rule.probe_first:
            if role not in states:
                found.append(((*at, "probe_first"), Missing(_unknown("role", role, states))))
        for word in rule.severity_in:
            if session_words != {UNKNOWN} and word not in session_words:
                text = Missing(_unknown("state or reason", word, session_words))
                found.append(((*at, "severity_in"), text))
        if rule.action is not None and rule.action not in ACTIONS:
            found.append(((*at, "action"), _unknown("action", rule.action, ACTIONS)))
    found += _check_cycles(table)
    found += _check_when(("readiness", "require"), readiness, states)
    return found


def check_deadlines(
    deadlines: Sequence[DeadlineTable], table: Sequence[RuleTable], machines: Sequence[Machine]
) -> list[Complaint]:
    """What of the deadlines can never be met or told apart."""
    states = _states_by_role(machines)
    taken = [rule.id for rule in table]
    found: list[Complaint] = []
    for number, deadline in enumerate(deadlines):
        at: Place = ("deadline", number)
        if deadline.id in taken:
            found.append(((*at, "id"), f'"{deadline.id}": another rule or deadline has this id'))
        taken.append(deadline.id)
        found += _check_when((*at, "require"), deadline.require, states)
        if deadline.action is not None and deadline.action not in ACTIONS:
            found.append(((*at, "action"), _unknown("action", deadline.action, ACTIONS)))
    return found


def notes(rules: Sequence[Rule], ruleset: Ruleset) -> list[str]:
    """What is no fault and may surprise: rules that can never name the answer, or never hold."""
    found = []
    bound = {scope.rule.id for scope in ruleset.scopes if all(c.machines for c in scope.conditions)}
    session = _covered_from(rules)
    for number, rule in enumerate(rules):
        roles = ", ".join(role for role, _ in rule.when)
        if rule.id not in bound:
            found.append(f"rule {rule.id} never holds: its roles ({roles}) are not all here")
        elif session is not None and number > session and not rule.names_the_session:
            found.append(f"rule {rule.id} is listed and never names the answer: it stands behind the session")
    return found


def _covered_from(rules: Sequence[Rule]) -> int | None:
    """The place from which on the session's rules have named every state of the market."""
    named: set[str] = set()
    for number, rule in enumerate(rules):
        if rule.names_the_session and [role for role, _ in rule.when] == [MARKET]:
            named |= rule.when[0][1].wanted
        if ANY in named or {"PRE_OPEN", "LIVE", "CLOSED"} <= named:
            return number
    return None


def _words(states: Sequence[str] | str) -> Sequence[str]:
    return [states] if isinstance(states, str) else states


def _states_by_role(machines: Sequence[Machine]) -> dict[str, set[str]]:
    states: dict[str, set[str]] = {}
    for machine in machines:
        states.setdefault(machine.role, {UNKNOWN}).update(machine.states)
    return states


def _session_words(machines: Sequence[Machine]) -> set[str]:
    return {word for m in machines if m.role == "market" for word in m.states | m.reasons} | {UNKNOWN}


def _check_when(
    at: Place, when: Mapping[str, Sequence[str] | str], states: Mapping[str, set[str]]
) -> Iterator[Complaint]:
    """Unknown states; a role that no machine has is let be: the table may serve many files."""
    for role, words in when.items():
        known = states.get(role)
        if role == ANY or known is None or known == {UNKNOWN}:
            continue
        for word in _words(words):
            if word != ANY and word.removeprefix("!") not in known:
                yield (*at, role), Missing(_unknown("state", word.removeprefix("!"), known))


def _unknown(what: str, word: str, known: Any) -> str:
    names = sorted(known)
    return f'"{word}": there is no {what} of this name; {suggest(word, names)}'


def _check_cycles(table: Sequence[RuleTable]) -> Iterator[Complaint]:
    """A rule that, through others, suppresses itself: neither would ever be seen."""
    hides = {rule.id: set(rule.suppresses) for rule in table}
    for number, rule in enumerate(table):
        reached: set[str] = set()
        ahead = set(hides[rule.id])
        while ahead:
            one = ahead.pop()
            if one not in reached:
                reached.add(one)
                ahead |= hides.get(one, set())
        if rule.id in reached:
            yield (
                ("rule", number, "suppresses"),
                f'"{rule.id}" suppresses itself by way of {", ".join(sorted(reached))}; break the circle',
            )
