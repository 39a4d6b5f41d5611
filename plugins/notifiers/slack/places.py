"""Where messages of late stand in Slack, so that what follows finds them, after a restart too."""

from __future__ import annotations

import json
from typing import NamedTuple

from agent.api import KeyValue
from plugins.notifiers.recent import Recent

KEY = "places"
KEPT = 100
"""So many incidents, and as many notices, fit the store many times over."""


class Place(NamedTuple):
    """Where a message stands: its channel's id, and its `ts`."""

    channel: str
    ts: str


class Places:
    """The first message of each thread, and the message of each notice.

    They are `channel`'s: with another one configured, incidents begin there anew.
    """

    def __init__(self, store: KeyValue, channel: str) -> None:
        self._store = store
        self._channel = channel
        self._firsts: Recent[Place] = Recent(KEPT)
        self._posted: Recent[Place] = Recent(KEPT)
        self._read()

    def of_notice(self, notice: str) -> Place | None:
        return self._posted.get(notice)

    def of_thread(self, thread: str | None) -> Place | None:
        return self._firsts.get(thread) if thread is not None else None

    def note(self, notice: str, thread: str | None, place: Place) -> None:
        """A notice stands there; it opens its thread, if that is not open."""
        self._posted.put(notice, place)
        if thread is not None and self._firsts.get(thread) is None:
            self._firsts.put(thread, place)
        self._write()

    def forget(self, thread: str) -> None:
        """The thread's first message is gone."""
        self._firsts.forget(thread)

    def _write(self) -> None:
        kept = {
            "channel": self._channel,
            "threads": dict(self._firsts.items()),
            "notices": dict(self._posted.items()),
        }
        self._store.put(KEY, json.dumps(kept))

    def _read(self) -> None:
        """Take up what a former run kept; what cannot be read costs threads, and no notice."""
        try:
            kept = json.loads(self._store.get(KEY) or "{}")
            if kept.get("channel") != self._channel:
                return
            for values, name in ((self._firsts, "threads"), (self._posted, "notices")):
                for key, (channel, ts) in kept[name].items():
                    values.put(key, Place(channel, ts))
        except (ValueError, KeyError, TypeError, AttributeError):
            return
