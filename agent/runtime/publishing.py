"""The published document: ready bytes for readers, and word to those who wait for the next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.health.document import VALID_FOR, HealthDocument, content
from agent.watched import Watched


class Documented(Protocol):
    """Something that has the document of an evaluation, or makes it when it is looked at."""

    @property
    def document(self) -> HealthDocument: ...


class Press(Protocol):
    """Where the core brings its documents."""

    @property
    def revision(self) -> int: ...

    def publish(self, draft: Callable[[], HealthDocument]) -> Documented: ...


@dataclass(frozen=True, slots=True)
class Published:
    """One document and its bytes; equal when the revision is, whatever its stamps."""

    document: HealthDocument
    body: bytes
    etag: str


class Publisher:
    """Holds the latest document.

    `latest` changes with every publication, `revised` with every revision; streams watch the
    second for whole documents and `renewed` for the short word that the agent still lives.
    """

    def __init__(self, revision: int = 0) -> None:
        self._revision = revision
        self._content: object = None
        self.latest: Published | None = None
        self.revised: Watched[int] = Watched(revision)
        self.renewed: Watched[datetime | None] = Watched(None)

    @property
    def revision(self) -> int:
        return self._revision

    def publish(self, draft: Callable[[], HealthDocument]) -> Published:
        """Publish a document; its revision rises if its content is another."""
        document = draft()
        present = content(document)
        changed = present != self._content
        if changed:
            self._content = present
            self._revision += 1
        self.latest = _ready(document.model_copy(update={"revision": self._revision}))
        self.revised.set(self._revision)
        return self.latest

    def renew(self, now: datetime) -> None:
        """Stamp the latest document anew: the agent lives and nothing has changed."""
        if self.latest is None:
            return
        stamps = {"generated_at": now, "valid_until": now + VALID_FOR}
        self.latest = _ready(self.latest.document.model_copy(update=stamps))
        self.renewed.set(now)


def _ready(document: HealthDocument) -> Published:
    body = document.model_dump_json(by_alias=True).encode()
    return Published(document, body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def summary(document: HealthDocument) -> dict[str, object]:
    """The document in six lines, for those who may see no more."""
    keys = {"status", "code", "severity", "message", "since", "valid_until"}
    return document.model_dump(mode="json", include=keys)


def as_json(value: object) -> bytes:
    """Compact JSON bytes; instants in ISO form."""
    return json.dumps(value, separators=(",", ":"), default=_iso).encode()


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
