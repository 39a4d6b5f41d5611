"""Letters that are on disk and wait for the right to be sent: the shared store's claim, or solitude."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.alerts.letters import Letter
from agent.model import Severity

REMEMBERED = 20_000
"""So many ids of letters that were handed out are remembered; the oldest are forgotten."""

Send = Callable[[list[Letter]], None]


class Held:
    """Each letter is handed out once in a tenure, whoever says so first."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: dict[str, Letter] = {}
        self._out: dict[str, None] = {}
        self._alone: set[str] = set()

    def __len__(self) -> int:
        return len(self._held)

    def put(self, letters: Iterable[Letter]) -> None:
        """Letters that are on disk here."""
        for letter in letters:
            if letter.id not in self._out:
                self._held[letter.id] = letter

    def claimed(self, letters: Sequence[Letter]) -> None:
        """The shared store has given us these to send; they are as it knows them."""
        self._hand_out([self._held.get(letter.id, letter) for letter in letters])

    def passed(self, letter: Letter) -> None:
        """It is sent already; a claim of it is no news."""
        self._note(letter)

    def alone(self) -> None:
        """Send what is critical, with what comes before it or ends it: nobody else can just now."""
        self._alone |= {one.stream for one in self._held.values() if one.severity is Severity.CRITICAL}
        self._hand_out([one for one in self._held.values() if one.stream in self._alone])

    def reached(self) -> None:
        """The shared store is there again."""
        self._alone.clear()

    def _hand_out(self, letters: list[Letter]) -> None:
        fresh = [letter for letter in letters if letter.id not in self._out]
        for letter in letters:
            self._note(letter)
        if fresh:
            self._send(fresh)

    def _note(self, letter: Letter) -> None:
        self._held.pop(letter.id, None)
        self._out.pop(letter.id, None)
        self._out[letter.id] = None
        while len(self._out) > REMEMBERED:
            del self._out[next(iter(self._out))]
