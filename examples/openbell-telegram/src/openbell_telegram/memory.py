"""What was sent of late, and where to: outlives a restart in the notifier's own store."""

from __future__ import annotations

import json

from agent.api import KeyValue

SENT = "sent"
MOVED = "moved"
LIMIT = 100


class Memory:
    """The ids of messages by notice and by incident, and the chat's new id where it has moved."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    def message_of(self, name: str) -> int | None:
        """The id of the message of a notice, or of the first one of an incident."""
        return self._sent().get(name)

    def note(self, message: int, *names: str) -> None:
        """Keep it under these names; the first message of an incident stays its first."""
        sent = self._sent()
        for name in names:
            sent.setdefault(name, message)
        self._store.put(SENT, json.dumps(dict(list(sent.items())[-LIMIT:])))

    def chat(self, configured: str) -> str:
        """Where the configured chat is now."""
        return self._moves().get(configured, configured)

    def move(self, configured: str, chat: str) -> None:
        """Keep the chat's new id; the messages there have other ids."""
        self._store.put(MOVED, json.dumps({configured: chat}))
        self._store.put(SENT, "{}")

    def _sent(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self._store.get(SENT) or "{}")
        return found

    def _moves(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._store.get(MOVED) or "{}")
        return found
