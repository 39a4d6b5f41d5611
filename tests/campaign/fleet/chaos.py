"""What is done to the members and to the database, by the dice: planned first, then carried out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A way to be hurt."""

    KILLED = "killed"
    """SIGKILL, and a new life after a while."""
    FROZEN = "frozen"
    """SIGSTOP and SIGCONT."""
    REFUSED = "refused"
    """Cut off from the database: connections are reset, and new ones refused."""
    HELD = "held"
    """Cut off, and not told so: bytes are held up, and arrive all at once in the end."""
    LOST = "lost"
    """Cut off, and not told so: bytes are held up, and are lost with their connections."""
    FALLEN = "fallen"
    """The database's processes are killed, and it is started again."""


SPANS = {
    Kind.KILLED: (0.0, 4.0),
    Kind.FROZEN: (1.0, 12.0),
    Kind.REFUSED: (1.0, 40.0),
    Kind.HELD: (1.0, 40.0),
    Kind.LOST: (1.0, 40.0),
    Kind.FALLEN: (1.0, 8.0),
}
"""How long each lasts, in seconds."""

WEIGHTS = {
    Kind.KILLED: 6,
    Kind.FROZEN: 5,
    Kind.REFUSED: 2,
    Kind.HELD: 2,
    Kind.LOST: 2,
    Kind.FALLEN: 2,
}

OWNER = None
"""Aimed at whoever owns the desk at that moment."""

BOTH = 0.25
"""So often a second blow falls at the same moment."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One of them: when, to whom, and for how long, in seconds. Of the database the target says nothing."""

    at_s: float
    kind: Kind
    target: int | None
    lasts_s: float


def plan(dice: random.Random, lasts_s: float, members: int, *, longest_s: float = 40.0) -> Iterator[Blow]:
    """Blows in the order of their moments, the first after two seconds; every other one at the owner."""
    at_s = 2.0
    while at_s < lasts_s:
        for _ in range(2 if dice.random() < BOTH else 1):
            yield _blow(dice, at_s, members, longest_s)
        at_s += dice.uniform(3.0, 9.0)


def _blow(dice: random.Random, at_s: float, members: int, longest_s: float) -> Blow:
    (kind,) = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
    least, most = SPANS[kind]
    target = OWNER if dice.random() < 0.5 else dice.randrange(members)
    return Blow(at_s, kind, target, dice.uniform(least, min(most, longest_s)))
