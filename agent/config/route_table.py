"""Makes routes from their tables, and finds those that lead nowhere or never tell anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from agent.alerts.routes import Escalation, QuietHours, Route, receivers
from agent.config.complaints import Missing, suggest
from agent.config.schema import QuietTable, RouteTable
from agent.model import Machine

Complaint = tuple[tuple[str | int, ...], str]

_BROUGHT = ("rule", "session")
"""What a plugin may bring; the others stand in the file."""

_NOUNS = {"to": "notifier", "session": "state or reason of the market"}


def as_routes(tables: Sequence[RouteTable], notifiers: Sequence[str]) -> tuple[Route, ...]:
    """The routes of a file; without any, one from every problem to every notifier."""
    if tables:
        return tuple(map(_as_route, tables))
    return (Route(to=frozenset(notifiers)),) if notifiers else ()


def _as_route(table: RouteTable) -> Route:
    escalate = table.escalate
    return Route(
        to=frozenset(table.to),
        severity=table.severity,
        rules=frozenset(table.rule),
        groups=frozenset(table.group),
        machines=frozenset(table.machine),
        session=frozenset(table.session),
        repeat=table.repeat,
        settle=table.settle,
        escalate=None if escalate is None else Escalation(after=escalate.after, to=frozenset(escalate.to)),
        quiet=_as_quiet_hours(table.quiet) if table.quiet is not None else None,
    )


def _as_quiet_hours(table: QuietTable) -> QuietHours:
    return QuietHours(begins=table.begins, ends=table.ends, zone=ZoneInfo(table.zone))


def check(
    routes: Sequence[RouteTable],
    *,
    notifiers: Iterable[str],
    rules: Iterable[str],
    machines: Sequence[Machine],
) -> Iterator[Complaint]:
    """What names nothing that there is, each with what would do."""
    known: Mapping[str, set[str]] = {
        "to": set(notifiers),
        "rule": set(rules),
        "group": {one.group for one in machines if one.group is not None},
        "machine": {one.name for one in machines},
        "session": {word for m in machines if m.role == "market" for word in m.states | m.reasons},
    }
    for number, route in enumerate(routes):
        for key, names in known.items():
            for word in getattr(route, key):
                if word not in names and (names or key != "session"):
                    text = _unknown(_NOUNS.get(key, key), word, names)
                    yield ("route", number, key), Missing(text) if key in _BROUGHT else text
        yield from _check_escalation(number, route, known["to"])


def _check_escalation(number: int, route: RouteTable, notifiers: set[str]) -> Iterator[Complaint]:
    for word in route.escalate.to if route.escalate is not None else ():
        at = ("route", number, "escalate", "to")
        if word not in notifiers:
            yield at, _unknown("notifier", word, notifiers)
        elif word in route.to:
            yield at, f'"{word}" is told by this route from the first; name somebody else, or leave it out'


def notes(routes: Sequence[Route], notifiers: Iterable[str]) -> list[str]:
    """What is no fault and may surprise: notifiers that are never told anything."""
    told = receivers(routes)
    return [f"notifier {name} is never told: no route names it" for name in notifiers if name not in told]


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    return f'"{word}": there is no {what} of this name; {suggest(word, sorted(known))}'
