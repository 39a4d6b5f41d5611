"""Makes remedies from their tables, and finds those that can never be applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent.alerts.remedies import Remedy
from agent.config.complaints import Missing, suggest
from agent.config.schema import RemedyTable
from agent.model import Machine

Complaint = tuple[tuple[str | int, ...], str]


def as_remedy(table: RemedyTable) -> Remedy:
    return Remedy(
        id=table.id,
        rule=table.rule,
        group=table.group,
        after=table.after,
        at_most=table.at_most,
        timeout=table.timeout,
        machine=table.machine,
        action=table.action,
        command=tuple(table.command),
    )


def check(
    remedies: Sequence[RemedyTable], rules: Iterable[str], machines: Sequence[Machine]
) -> Iterator[Complaint]:
    """What names nothing that there is, each with what would do."""
    known, groups = sorted(rules), {machine.group for machine in machines if machine.group is not None}
    by_name = {machine.name: machine for machine in machines}
    for number, remedy in enumerate(remedies):
        at = ("remedy", number)
        if remedy.id in [one.id for one in remedies[:number]]:
            yield (*at, "id"), f'"{remedy.id}": there is a remedy of this id above; name it otherwise'
        if remedy.rule not in known:
            yield (*at, "rule"), Missing(_unknown("rule", remedy.rule, known))
        if remedy.group is not None and remedy.group not in groups:
            yield (*at, "group"), _unknown("group", remedy.group, groups)
        if remedy.machine is None:
            continue
        machine = by_name.get(remedy.machine)
        if machine is None:
            yield (*at, "machine"), _unknown("machine", remedy.machine, by_name)
        elif machine.states and remedy.action not in machine.actions:
            yield (*at, "action"), _unknown(f"action of {machine.name}", str(remedy.action), machine.actions)


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    return f'"{word}": there is no {what} of this name; {suggest(word, known)}'
