"""Whose turn it is among one notifier's letters, and which need not go by themselves."""

from __future__ import annotations

import itertools
import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from agent.alerts import bundles
from agent.alerts import letters as post
from agent.alerts.gathered import GATHERED
from agent.alerts.letters import Letter
from agent.delivery.lines import Lines
from agent.delivery.restraint import Restraint
from agent.delivery.storm import Course

log = logging.getLogger(__name__)


class Turns:
    """The letters that wait, in their lines, under restraint.

    `keep` has a letter written that ends or begins here, `number` gives the next one's. People are
    spared what is over, and a flood; programs are sent everything.
    """

    def __init__(
        self,
        name: str,
        *,
        for_people: bool,
        pace: timedelta | None,
        keep: Callable[[Letter], None],
        number: Callable[[], int] | None,
    ) -> None:
        self._name = name
        self._for_people = for_people
        self._keep = keep
        self._number = number or itertools.count(1).__next__
        self.lines = Lines(folds=for_people)
        self.restraint = Restraint(pace, spares=for_people)

    def adopt(self, *, for_people: bool, pace: timedelta | None) -> None:
        """Go on with the same letters for another notifier; former pauses were the other's."""
        self._for_people = self.lines.folds = for_people
        self.restraint = Restraint(pace, spares=for_people)

    def due(self, now: datetime) -> Letter | None:
        """The letter whose turn it is at this instant; one that has expired is due even in a pause."""
        letter = self.lines.next()
        if letter is None or letter.next_at > now:
            return None
        if self.restraint.open_at(now) > now and not letter.is_expired(now):
            return None
        return letter

    def next_at(self, now: datetime) -> datetime | None:
        """When it is some letter's turn, if none comes before."""
        letter = self.lines.next()
        if letter is None:
            return None
        return min(max(letter.next_at, self.restraint.open_at(now)), letter.expires_at)

    def is_put_off(self, letter: Letter, now: datetime) -> bool:
        """Put a due letter off while its recipient wants a pause, or was told much of late."""
        until = self.restraint.free_at(letter.address.recipient, now)
        if until > now:
            self.lines.put(post.hold(letter, until))
        return until > now

    def is_told_by_another(self, letter: Letter, now: datetime) -> bool:
        """End what a waiting recovery explains; have one letter tell of many that would be too much."""
        if not self._for_people:
            return False
        return self._fold([letter], now) or self._is_gathered(letter, now)

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self.lines.replace_all([post.shift(letter, step) for letter in self.lines])
        self.restraint.shift(step)
        for letter in self.lines:
            self._keep(letter)

    def _fold(self, letters: Iterable[Letter], now: datetime) -> bool:
        heads = {letter.line: letter for letter in letters}.values()
        folded = [one for head in heads for one in self.lines.fold(head, now)]
        for one in folded:
            self._keep(one)
        return bool(folded)

    def _is_gathered(self, letter: Letter, now: datetime) -> bool:
        recipient = letter.address.recipient
        if letter.code == GATHERED:
            return False
        due = [one for one in self.lines.due_to(recipient, now) if one.code != GATHERED]
        if self.restraint.course(recipient, len(due), now) is Course.SEND:
            return False
        if not self._fold(due, now):
            self._gather(due, now)
        return True

    def _gather(self, due: list[Letter], now: datetime) -> None:
        """The digest is written first: a crash in between tells some twice, and loses none."""
        digest = bundles.digest(due, seq=self._number(), new_id=uuid.uuid4().hex, now=now)
        self._keep(digest)
        for letter in due:
            ended = bundles.gather(letter, digest.notice, now)
            self.lines.drop(ended)
            self._keep(ended)
        self.lines.add(digest)
        log.warning("notifier %s: %d notices are told in one, %s", self._name, len(due), digest.notice)
