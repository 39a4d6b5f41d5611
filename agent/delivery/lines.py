"""The letters that wait for one notifier: which is next, and in which order they stay."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

from agent.alerts.bundles import fold
from agent.alerts.letters import Letter, LetterState, Line


class Lines:
    """Letters by line, oldest first; only the first of a line may be under way.

    A line that holds up no other is what keeps one stuck incident from blocking the rest.
    """

    def __init__(self, *, folds: bool) -> None:
        self.folds = folds
        self._lines: dict[Line, list[Letter]] = {}
        self._heads: list[tuple[datetime, int, str]] = []
        self._by_id: dict[str, Letter] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self._by_id.values())

    def __getitem__(self, letter_id: str) -> Letter:
        """A letter as it is now."""
        return self._by_id[letter_id]

    def __contains__(self, letter_id: str) -> bool:
        return letter_id in self._by_id

    @property
    def under_way(self) -> list[Letter]:
        return [letter for letter in self if letter.state is LetterState.SENDING]

    @property
    def oldest_at(self) -> datetime | None:
        return min((letter.created_at for letter in self), default=None)

    def add(self, letter: Letter) -> None:
        """A letter joins the end of its line."""
        line = self._lines.setdefault(letter.line, [])
        line.append(letter)
        self._by_id[letter.id] = letter
        if len(line) == 1:
            self._offer(letter)

    def put(self, letter: Letter) -> None:
        """A letter that waits here has changed; it is offered again if it is the first of its line."""
        line = self._lines[letter.line]
        line[[one.id for one in line].index(letter.id)] = letter
        self._by_id[letter.id] = letter
        if letter.state is LetterState.PENDING and line[0] is letter:
            self._offer(letter)

    def drop(self, letter: Letter) -> None:
        """A letter has ended; the one behind it may go."""
        line = [one for one in self._lines.pop(letter.line) if one.id != letter.id]
        del self._by_id[letter.id]
        if line:
            self._lines[letter.line] = line
            self._offer(line[0])

    def next(self) -> Letter | None:
        """The letter whose turn comes first, due or not; it stays in its place."""
        while self._heads:
            _, _, letter_id = self._heads[0]
            letter = self._by_id.get(letter_id)
            if letter is None or not self._is_offered(letter):
                heapq.heappop(self._heads)
                continue
            return letter
        return None

    def fold(self, letter: Letter, now: datetime) -> tuple[Letter, ...]:
        """What ends in a letter's line because a recovery waits behind it."""
        if not self.folds:
            return ()
        ended, left = fold(self._lines[letter.line], now)
        if ended:
            for one in ended:
                del self._by_id[one.id]
            self._lines[letter.line] = list(left)
            self._offer(left[0])
        return ended

    def due_to(self, recipient: str | None, now: datetime) -> list[Letter]:
        """What one recipient would get now: the letters of all lines whose first one is due."""
        found: list[Letter] = []
        for (who, _), line in self._lines.items():
            if who == recipient and line[0].state is LetterState.PENDING and line[0].next_at <= now:
                found += line
        return sorted(found, key=lambda letter: letter.seq)

    def replace_all(self, letters: list[Letter]) -> None:
        """Every letter anew, as after a step of the clock."""
        self._lines, self._heads, self._by_id = {}, [], {}
        for letter in letters:
            self.add(letter)

    def _offer(self, letter: Letter) -> None:
        heapq.heappush(self._heads, (letter.next_at, letter.seq, letter.id))

    def _is_offered(self, letter: Letter) -> bool:
        """Whether the top of the heap still tells the truth about its letter."""
        next_at, seq, _ = self._heads[0]
        first = self._lines[letter.line][0]
        return (
            first.id == letter.id
            and letter.state is LetterState.PENDING
            and (letter.next_at, letter.seq) == (next_at, seq)
        )
