"""Which notices were given up, by address, until that is told there."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime

from agent.alerts.bundles import item
from agent.alerts.gathered import MISSED, Item
from agent.alerts.letters import Address, Letter, LetterState
from agent.model import NoticeType, Severity

log = logging.getLogger(__name__)

KEY = "outbox:losses"
MOST = 100
"""For each address; what is beyond is forgotten here, oldest first, and stays among the dead letters."""


class Losses:
    """Follows letters as they end; `pack` is what a new run must know."""

    def __init__(self) -> None:
        self._lost: dict[Address, tuple[Item, ...]] = {}

    def follow(self, letter: Letter) -> bool:
        """Take in a letter as it now is; whether anything has changed.

        A recovery that has arrived tells of its incident itself.
        """
        before = self._lost.get(letter.address, ())
        is_told = letter.state is LetterState.DELIVERED and letter.type is NoticeType.RECOVERY
        over = letter.stream if is_told else None
        after = tuple(one for one in before if one.notice != letter.notice and one.stream != over)
        if letter.state is LetterState.DEAD and letter.type is not NoticeType.TEST and letter.code != MISSED:
            after = (*after, item(letter))[-MOST:]
        return self._put(letter.address, before, after)

    def take(self, address: Address) -> tuple[Item, ...]:
        """What was lost there, told from now on."""
        return self._lost.pop(address, ())

    def pack(self) -> str:
        return json.dumps([
            [address.notifier, address.recipient, [_row(one) for one in lost]]
            for address, lost in self._lost.items()
        ])  # fmt: skip

    def unpack(self, text: str | None) -> None:
        """Take up what a former run left; what cannot be read is among the dead letters all the same."""
        try:
            self._lost = {
                Address(notifier=notifier, recipient=recipient): tuple(map(_item, rows))
                for notifier, recipient, rows in json.loads(text or "[]")
            }
        except (ValueError, KeyError, TypeError) as error:
            log.warning("which notices were given up cannot be read (%s)", error)

    def _put(self, address: Address, before: tuple[Item, ...], after: tuple[Item, ...]) -> bool:
        if after:
            self._lost[address] = after
        else:
            self._lost.pop(address, None)
        return after != before


def _row(one: Item) -> Mapping[str, object]:
    return {
        "notice": one.notice,
        "stream": one.stream,
        "code": one.code,
        "severity": one.severity,
        "created_at": one.created_at.isoformat(),
        "is_recovery": one.is_recovery,
    }


def _item(row: Mapping[str, str]) -> Item:
    return Item(
        notice=row["notice"],
        stream=row["stream"],
        code=row["code"],
        severity=Severity(row["severity"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        is_recovery=bool(row["is_recovery"]),
    )
