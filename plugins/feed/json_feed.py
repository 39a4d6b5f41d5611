"""Any feed whose messages are JSON over a WebSocket, judged by the same watchdog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.api import Clock, Context
from plugins.feed.dialect import Tally
from plugins.feed.machine import Feed
from plugins.feed.settings import JsonFeedSettings

STREAM = "the stream"
"""The one canary of a feed whose instruments are not told apart."""

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class JsonDialect:
    """How a feed speaks whose messages have a time, and perhaps an instrument, at known paths."""

    headers: Mapping[str, str] = {}

    def __init__(self, settings: JsonFeedSettings, clock: Clock) -> None:
        names = settings.canaries if settings.instrument is not None else (STREAM,)
        self.canaries: Mapping[int, str] = dict(enumerate(names))
        self.instruments: Mapping[int, str] = self.canaries
        self._tokens = {name: token for token, name in self.canaries.items()}
        self._settings = settings
        self._clock = clock

    def address(self, secret: str) -> str:
        return self._settings.url

    def subscriptions(self) -> Sequence[str]:
        return self._settings.subscribe

    def read(self, frame: bytes | str, tally: Tally) -> None:
        try:
            message = json.loads(frame)
            if self._is_heartbeat(message):
                return
            stamp = self._read_stamp(message)
        except (ValueError, TypeError, OverflowError, RecursionError):
            tally.malformed += 1
            return
        if stamp is None:  # an acknowledgement, or whatever else is no tick
            return
        tally.packets += 1
        token = self._read_token(message)
        if token is not None:
            tally.stamps[token] = stamp
            tally.unanswered.pop(token, None)

    def _is_heartbeat(self, message: object) -> bool:
        marks = self._settings.heartbeat
        if marks is None or not isinstance(message, dict):
            return False
        return all(message.get(key) == value for key, value in marks.items())

    def _read_stamp(self, message: object) -> float | None:
        if self._settings.timestamp is None:
            return self._clock.now().timestamp()
        found = follow(message, self._settings.timestamp)
        if found is None:
            return None
        if self._settings.unit == "iso":
            return datetime.fromisoformat(str(found)).timestamp()
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise TypeError("a time is a number")
        return float(found) / _PER_SECOND[self._settings.unit]

    def _read_token(self, message: object) -> int | None:
        if self._settings.instrument is None:
            return 0
        return self._tokens.get(str(follow(message, self._settings.instrument)))


def follow(message: object, path: str) -> object:
    """What lies at a path such as `"data.0.ts"`, or `None`."""
    for step in path.split("."):
        if isinstance(message, dict):
            message = message.get(step)
        elif isinstance(message, list) and step.isdecimal() and int(step) < len(message):
            message = message[int(step)]
        else:
            return None
    return message


def make_feed(settings: JsonFeedSettings, context: Context) -> Feed:
    """The machine of a `json-feed`."""
    limits = settings.limits(pongs_are_life=settings.heartbeat is None)
    return Feed(JsonDialect(settings, context.clock), limits, context, None)
