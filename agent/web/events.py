"""`/api/system/events`: the health document on connect and on every revision, and a sign of life."""

from __future__ import annotations

import json
from datetime import datetime

from agent.clock import Clock
from agent.runtime.publishing import Published, Publisher
from agent.watched import Watched
from agent.web import streams
from agent.web.access import Scope
from agent.web.routes import Route
from agent.web.stream import framed
from agent.web.streams import PING_S

__all__ = ["PING_S", "Streams", "document_event", "refresh_event"]


def document_event(published: Published) -> bytes:
    """The event of one document; its id is the revision."""
    return b"event: document\nid: %d\ndata: %b\n\n" % (published.document.revision, published.body)


def refresh_event(published: Published, now: datetime) -> bytes:
    """The short word that nothing has changed and the agent lives; `now` is its clock's time."""
    document = published.document
    stamps = {
        "revision": document.revision,
        "generated_at": document.generated_at.isoformat(),
        "valid_until": document.valid_until.isoformat(),
        "now": now.isoformat(),
    }
    return b"event: refresh\ndata: %b\n\n" % json.dumps(stamps).encode()


class Documents:
    """The events of what an agent publishes; every revision is sent whole."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._event: tuple[str, bytes] = ("", b"")

    @property
    def revised(self) -> Watched[int]:
        return self._publisher.revised

    @property
    def renewed(self) -> Watched[datetime | None]:
        return self._publisher.renewed

    @property
    def revision(self) -> int | None:
        latest = self._publisher.latest
        return latest.document.revision if latest is not None else None

    def whole(self) -> bytes:
        published = self._latest()
        if self._event[0] != published.etag:
            self._event = (published.etag, framed(document_event(published)))
        return self._event[1]

    def step(self) -> bytes | None:
        return None

    def refresh(self, now: datetime) -> bytes:
        return framed(refresh_event(self._latest(), now))

    def _latest(self) -> Published:
        assert self._publisher.latest is not None  # noqa: S101 - asked for only once there is a revision
        return self._publisher.latest


class Streams(streams.Streams):
    """The streams of one agent's document."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        super().__init__(Documents(publisher), clock)

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/system/events", Scope.READ, self.serve)]
