"""What the new owner of a desk takes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.alerts.letters import Address, Letter
from agent.model import Incident
from agent.store.postgres import questions
from agent.store.postgres.connecting import Connection, writing
from agent.store.postgres.questions import fetch, read_incidents, read_letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """What a desk's new owner must know: its values, what is open, who was told, and letters by their ids."""

    values: Mapping[str, str]
    incidents: tuple[Incident, ...]
    reached: Mapping[tuple[Address, str], bool]
    delivered_last: tuple[tuple[Address, datetime], ...]
    last_letter: int
    letters: tuple[Letter, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing has ever been written of the desk."""
        return not self.values and not self.incidents and not self.last_letter


async def inheritance(connection: Connection, desk: str, letters: Sequence[str]) -> Inheritance:
    """What a desk's new owner takes over; `letters` names those whose rows it wants. Raises `StoreError`."""
    async with writing(connection):
        return Inheritance(
            values=dict(await fetch(connection, questions.VALUES, desk)),
            incidents=tuple(read_incidents(await fetch(connection, questions.OPEN_INCIDENTS, desk))),
            reached={
                (Address(notifier=notifier, recipient=recipient), stream): was_reached
                for notifier, recipient, stream, was_reached in await fetch(
                    connection, questions.REACHED, desk
                )
            },
            delivered_last=tuple(
                sorted(
                    (
                        (Address(notifier=notifier, recipient=recipient), at.astimezone(UTC))
                        for notifier, recipient, at in await fetch(
                            connection, questions.DELIVERED_LAST, desk, 200
                        )
                    ),
                    key=lambda one: one[1],
                )
            ),
            last_letter=int((await fetch(connection, questions.LAST_LETTER, desk))[0][0]),
            letters=tuple(
                read_letters(await fetch(connection, questions.THESE_LETTERS, desk, list(letters)))
            ),
        )


async def letters_as_known(connection: Connection, desk: str, ids: Sequence[str]) -> list[Letter]:
    """Letters as the shared store has them, without those that it does not. Raises `StoreError`."""
    async with writing(connection):
        return read_letters(await fetch(connection, questions.THESE_LETTERS, desk, list(ids)))
