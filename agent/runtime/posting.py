"""Between the core and the senders: letters are addressed, kept on disk, taken up again, sent anew."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta

from agent.alerts import letters as post
from agent.alerts.bundles import agent_of
from agent.alerts.gathered import Item, missed
from agent.alerts.letters import Address, Letter, LetterState
from agent.alerts.notices import rooted, trial
from agent.clock import Clock
from agent.delivery import losses
from agent.delivery.losses import Losses
from agent.delivery.sender import NO_RECEIVER, Sender
from agent.errors import ActionError, StoreError
from agent.model import Notice, NoticeType
from agent.runtime.holding import Gate, OpenGate
from agent.store.door import Door
from agent.store.entry import Entry


class Posting:
    """All letters of one agent. `stored` hears how each write to the journal went."""

    def __init__(
        self,
        clock: Clock,
        journal: Door,
        stored: Callable[[StoreError | None], None],
        base_url: str = "",
        gate: Callable[[Callable[[list[Letter]], None]], Gate] = OpenGate,
    ) -> None:
        self._base_url = base_url
        self._gate = gate(self._hand_out)
        self._clock = clock
        self._journal = journal
        self._stored = stored
        self._seq = 0
        self._unclaimed: list[Letter] = []
        self._reached: dict[tuple[Address, str], bool] = {}
        self._losses = Losses()
        self.senders: Mapping[str, Sender] = {}
        self.unbuilt: frozenset[str] = frozenset()
        """The notifiers that could not be built: their letters wait for a run in which they can."""

    # -- the line: addressed, then written by the core, then posted ------------------------------

    def address(self, notice: Notice, to: frozenset[str]) -> tuple[Letter, ...]:
        """A letter for every address of the notifiers that are to tell it."""
        addresses = [one for name, sender in self.senders.items() if name in to for one in sender.addresses]
        whole = rooted(notice, self._base_url)
        letters = post.write(whole, addresses, after=self._next(), now=self._clock.now())
        self._seq += len(letters)
        return tuple(map(self._announce, letters))

    def _announce(self, letter: Letter) -> Letter:
        """A recovery says so where its problem could not be told."""
        if letter.type is not NoticeType.RECOVERY:
            return letter
        was_reached = self._reached.pop((letter.address, letter.stream), True)
        return letter if was_reached else post.mark_unannounced(letter)

    def post(self, letters: tuple[Letter, ...], error: StoreError | None) -> None:
        """Have letters sent that are on disk now; or that cannot be, which they then say."""
        if error is None:
            self._gate.put(letters)
            return
        sent = [post.mark_unstored(letter) for letter in letters]
        for letter in sent:
            self._gate.passed(letter)
            self.keep(letter)
        self._hand_out(sent)

    # -- what senders change -----------------------------------------------------------------------

    def keep(self, letter: Letter) -> None:
        """Write a letter as it is now."""
        summary, values = self._follow_losses(letter)

        def written(error: StoreError | None) -> None:
            self._stored(error)
            self.post(summary, error)

        self._note(letter)
        self._journal.append(Entry(letters=(letter, *summary), values=values, written=written))

    def _follow_losses(self, letter: Letter) -> tuple[tuple[Letter, ...], tuple[tuple[str, str], ...]]:
        """A letter that is given up is remembered, and told of where the next one arrives.

        Returns what is sent for that, and what is written with it.
        """
        sender = self.senders.get(letter.address.notifier)
        if sender is None or letter.address not in sender.addresses:
            return (), ()
        changed = self._losses.follow(letter)
        lost = self._losses.take(letter.address) if letter.state is LetterState.DELIVERED else ()
        summary = self._summary(letter, lost) if lost else ()
        return summary, ((losses.KEY, self._losses.pack()),) if changed or lost else ()

    def _summary(self, letter: Letter, lost: tuple[Item, ...]) -> tuple[Letter, ...]:
        now = self._clock.now()
        notice = missed(lost, now=now, agent=agent_of(letter), new_id=uuid.uuid4().hex)
        return post.write(notice, [letter.address], after=self.number() - 1, now=now)

    def _note(self, letter: Letter) -> None:
        """Remember where an open incident was told, and where it could not be."""
        if letter.type is not NoticeType.PROBLEM:
            return
        place = (letter.address, letter.stream)
        if letter.state is LetterState.DELIVERED:
            self._reached[place] = True
        elif letter.state is LetterState.DEAD:
            self._reached.setdefault(place, False)

    # -- a new run, a set clock --------------------------------------------------------------------

    def restore(self) -> None:
        """Take up what a former run left; what has no notifier any more is dead, and listed as such."""
        self._reached |= self._journal.reached
        now = self._clock.now()
        self._losses.unpack(self._journal.value(losses.KEY))
        for address, sent_at in self._journal.delivered_last:
            if address.notifier in self.senders and sent_at <= now:
                self.senders[address.notifier].remember(address.recipient, sent_at)
        self._gate.put(self._journal.take_waiting())

    def resume(self) -> None:
        """Hand out what waits for a notifier that could not be built until now."""
        waiting, self._unclaimed = self._unclaimed, []
        self._hand_out(waiting)

    def _hand_out(self, letters: list[Letter]) -> None:
        """Give letters to their senders; those of a notifier that could not be built are kept for it."""
        now = self._clock.now()
        for letter in letters:
            sender = self.senders.get(letter.address.notifier)
            if sender is not None and letter.address in sender.addresses:
                sender.post([post.release(letter, now)])
            elif sender is not None or letter.address.notifier not in self.unbuilt:
                self.keep(post.bury(letter, NO_RECEIVER, now))
            else:
                self._unclaimed.append(letter)

    def shift(self, step: timedelta) -> None:
        for sender in self.senders.values():
            sender.shift(step)

    # -- what people want --------------------------------------------------------------------------

    async def retry(self, letter_id: str) -> Letter:
        """Send a dead letter again. Raises `KeyError` for none, `ActionError`, `StoreError`."""
        letter = await self._journal.letter(letter_id)
        if letter is None:
            raise KeyError(letter_id)
        sender = self.senders.get(letter.address.notifier)
        if letter.state is not LetterState.DEAD:
            raise ActionError(f"this notice is {letter.state}; only a dead one is sent again")
        if sender is None or letter.address not in sender.addresses:
            raise ActionError(NO_RECEIVER)
        revived = post.revive(letter, self.number(), self._clock.now())
        self._gate.passed(revived)
        self.keep(revived)
        sender.post([revived])
        return revived

    async def test(self, name: str, *, agent: str) -> tuple[Letter, ...]:
        """Send a test notice through one notifier, once, past all that waits. Raises `KeyError`."""
        sender = self.senders[name]
        now = self._clock.now()
        notice = trial(now=now, agent=agent, new_id=uuid.uuid4().hex)
        letters = post.write(notice, sender.addresses, after=self._next(), now=now)
        self._seq += len(letters)
        ended = await asyncio.gather(*map(sender.attempt, letters))
        for letter in ended:
            self.keep(letter)
        return tuple(ended)

    def number(self) -> int:
        """The next letter's."""
        self._seq = self._next() + 1
        return self._seq

    def _next(self) -> int:
        """The number behind which new letters are numbered."""
        self._seq = max(self._seq, self._journal.last_letter)
        return self._seq
