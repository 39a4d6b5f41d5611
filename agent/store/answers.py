"""Who waits to hear of an entry, and is told in time even while the disk says nothing."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import StoreError

Written = Callable[[StoreError | None], None]


class Answers:
    """The `written` of all entries under way; belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._open: dict[object, Written] = {}
        self._late: list[object] = []

    def expect(self, written: Written) -> Written:
        """What to call in place of it; it is told once, whatever comes first."""
        token = object()
        self._open[token] = written

        def answer(error: StoreError | None) -> None:
            told = self._open.pop(token, None)
            if told is not None:
                told(error)

        return answer

    def give_up(self, error: StoreError) -> None:
        """Tell the error to those who were waiting at the former call already."""
        for token in self._late:
            told = self._open.pop(token, None)
            if told is not None:
                told(error)
        self._late = list(self._open)
