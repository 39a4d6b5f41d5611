"""Reports how a `KiteTicker` fares, once a second, and does what the answer says."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from agent.client import ticker as tickers
from agent.client.calling import Line, UnansweredError, agents_at
from agent.client.counting import Counts, Tick, follow

log = logging.getLogger("openbell.client")

BEAT_S = 1.0
SHORTEST_S = 0.05
_NAMED = 20


class FeedReporter:
    """Attach it to a ticker, and a machine of the kind `pushed-feed` judges that ticker's feed.

    `token` is the agent's push token, or its control token. Where agents stand in for each other,
    `url` has the addresses of all: it reports to the one that answers, until that one does not.
    Nothing here raises into the script or waits in its threads, whether the agent is there or not.
    """

    def __init__(self, url: str | Sequence[str], machine: str, token: str) -> None:
        agents = agents_at(url, token)
        self._lines = [Line(agent, f"/api/system/push/{machine}") for agent in agents]
        self._at = 0
        self._machine = machine
        self._counts = Counts()
        self._process = uuid.uuid4().hex
        self._ticker: Any = None
        self._watched: frozenset[int] = frozenset()
        self._seen: set[int] = set()
        self._of_connection = 0
        self._paused = False
        self._order = 0
        self._generation: tuple[int, str | None] = (0, None)
        self._changed = threading.Event()
        self._ended = False
        self._is_heard = True
        self._thread: threading.Thread | None = None

    def attach(self, kws: Any) -> None:
        """Follow this ticker from now on, whether its callbacks are set before or after."""
        if self._ticker is not None:
            raise ValueError("this reporter has its ticker already: make another one for another ticker")
        self._ticker = kws
        follow(kws, self._counts, self._changed.set)
        self._thread = threading.Thread(target=self._run, name=f"openbell {self._machine}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Report no more; the ticker goes on."""
        self._ended = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join(BEAT_S)

    def _run(self) -> None:
        while not self._ended:
            began = time.monotonic()
            self._changed.clear()
            try:
                follow(self._ticker, self._counts, self._changed.set)
                self._obey(self._post(self._beat()), self._of_connection)
                self._note(None)
            except UnansweredError as trouble:
                self._note(str(trouble))
            except Exception:
                log.exception("%s: a beat failed", self._machine)
            self._changed.wait(max(SHORTEST_S, began + BEAT_S - time.monotonic()))
            if self._changed.is_set():  # let what belongs together come together
                time.sleep(SHORTEST_S)
        for line in self._lines:
            line.close()

    def _post(self, beat: Mapping[str, object]) -> Mapping[str, Any]:
        """The answer of whoever has the desk, begun with the one that took the last beat.

        Each beat says all from the process's start, so another agent goes on where the former one
        was. Raises `UnansweredError` when none takes it.
        """
        troubles = []
        for _ in self._lines:
            line = self._lines[self._at]
            try:
                return line.post({**beat, **self._of_now()})
            except UnansweredError as trouble:
                troubles.append(f"{line.name}: {trouble}" if len(self._lines) > 1 else str(trouble))
                self._at = (self._at + 1) % len(self._lines)
        raise UnansweredError("; ".join(troubles))

    def _note(self, trouble: str | None) -> None:
        """One line when the agent goes, and one when it is back; none of a reporter that was closed."""
        if self._ended:
            return
        if trouble is not None and self._is_heard:
            log.warning("%s: the agent takes no reports (%s); the ticker goes on", self._machine, trouble)
        elif trouble is None and not self._is_heard:
            log.info("%s: the agent takes reports again", self._machine)
        self._is_heard = trouble is None

    def _of_now(self) -> dict[str, object]:
        """What is true of the moment and of the agent that is told; a token is known to whoever gave it."""
        now = time.monotonic()
        given_by, generation = self._generation
        return {
            "heard_s": _age(self._counts.heard_at, now),
            "busy_s": _age(self._counts.busy_since, now),
            "generation": generation if given_by == self._at else None,
        }

    def _beat(self) -> dict[str, object]:
        counts, ticker = self._counts, self._ticker
        latest = counts.take_latest()
        if counts.opened != self._of_connection:
            self._of_connection = counts.opened
            self._seen = set()
        self._seen.update(latest)
        return {
            "process": self._process,
            "connected": ticker.is_connected(),
            "opened": counts.opened,
            "failed": counts.failed,
            "status": counts.status,
            "ending": counts.ending,
            "frames": counts.frames,
            "packets": counts.packets,
            "stamps": _stamps(latest, self._watched),
            "newest": _newest(latest),
            "missing": self._missing(),
            "begun": tickers.is_begun(ticker),
            "stopped": tickers.is_stopped(ticker),
            "left": tickers.has_left(ticker) and not self._paused,
            "paused": self._paused,
            "order": self._order,
        }

    def _missing(self) -> list[int]:
        """What was subscribed to and has not ticked over this connection, if ticks are looked at."""
        if self._ticker.on_ticks is None:
            return []
        subscribed = tuple(self._ticker.subscribed_tokens)
        return [token for token in subscribed if token not in self._seen][:_NAMED]

    def _obey(self, answer: Mapping[str, Any], opened: int) -> None:
        """Do what the answer says, once; each order has a number.

        It was given for the connection of the beat: one that the ticker has opened since is left alone.
        """
        self._watched = frozenset(answer.get("watch", ()))
        order = answer.get("order", 0)
        if order == self._order or answer.get("command") not in self._commands:
            return
        is_overtaken = self._counts.opened != opened and self._ticker.is_connected()
        if is_overtaken or self._commands[answer["command"]](self, answer):
            self._order = order

    def _reconnect(self, answer: Mapping[str, Any]) -> bool:
        token = answer.get("access_token")
        if not tickers.in_reactor(self._ticker, partial(tickers.reconnect, self._ticker, token)):
            return False
        log.warning("%s: connecting anew: %s", self._machine, answer.get("reason", "as the agent says"))
        self._paused = False
        self._generation = (self._at, answer.get("generation"))
        return True

    def _resubscribe(self, answer: Mapping[str, Any]) -> bool:
        return tickers.in_reactor(self._ticker, self._ticker.resubscribe)

    def _pause(self, answer: Mapping[str, Any]) -> bool:
        """Stop the ticker's own retries, which would go on with a token that is dead."""
        self._paused = tickers.in_reactor(self._ticker, self._ticker.stop_retry)
        return self._paused

    _commands = {"reconnect": _reconnect, "resubscribe": _resubscribe, "pause": _pause}


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, now - at), 3)


def _stamps(latest: Mapping[int, Tick], watched: frozenset[int]) -> dict[int, float]:
    """The exchange timestamps of the watched instruments; the ticker's are naive and local."""
    found = ((token, latest[token].get("exchange_timestamp")) for token in watched if token in latest)
    return {token: stamp.timestamp() for token, stamp in found if stamp is not None}


def _newest(latest: Mapping[int, Tick]) -> float | None:
    """The newest exchange timestamp of all; there is none in the modes `ltp` and `quote`."""
    stamps = [stamp for tick in latest.values() if (stamp := tick.get("exchange_timestamp")) is not None]
    return max(stamps).timestamp() if stamps else None
