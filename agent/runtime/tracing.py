"""Traces of the line: what a report led to, up to the receipts. What led to nothing leaves no trace.

Of a report on its way only instants are kept; spans are made once something has come of it. Words of people
and plugins stay out of spans; what a receiver said has been cleaned of secrets before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, StatusCode, Tracer, set_span_in_context

from agent.alerts.letters import Letter, LetterState
from agent.errors import StoreError
from agent.health.document import HealthDocument
from agent.model import Incident, Notice, Report
from agent.runtime.core import Core
from agent.runtime.line import Line
from agent.runtime.posting import Posting
from agent.runtime.publishing import Published, Publisher

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PREFIX = "openbell."


@dataclass(frozen=True, slots=True)
class Publication:
    """A document that was made between two instants."""

    began: datetime
    ended: datetime
    document: HealthDocument


@dataclass(slots=True)
class Course:
    """One report on its way down the line."""

    name: str
    began: datetime
    words: Mapping[str, str]
    root: Span | None = None
    publication: Publication | None = None
    has_news: bool = False


class Trace:
    """Follows one report at a time; a letter is followed from its writing to its end."""

    def __init__(self, tracer: Tracer, now: Callable[[], datetime]) -> None:
        self._tracer = tracer
        self._now = now
        self._course: Course | None = None
        self._letters: dict[str, Span] = {}
        self._attempts: dict[str, Span] = {}

    def __len__(self) -> int:
        """How many letters are on their way."""
        return len(self._letters)

    @contextmanager
    def following(self, name: str, incident: Callable[[], Incident | None], **words: str) -> Iterator[None]:
        """All that comes of one report, or of a moment in time, while it goes down the line."""
        outer, before = self._course, incident()
        course = self._course = Course(name, self._now(), words)
        try:
            yield
        finally:
            self._course = outer
            if course.has_news:
                self._finish(course, incident() or before)

    def published(self, began: datetime, document: HealthDocument, *, is_news: bool) -> None:
        """The evaluation ended where the publication began."""
        course = self._course
        if course is not None:
            course.publication = Publication(began, self._now(), document)
            course.has_news |= is_news

    def addressed(self, notice: Notice, letters: Iterable[Letter]) -> None:
        """Letters are made; each is written once the journal has it."""
        course = self._course
        if course is not None:
            course.has_news = True
        parent = self._root(course) if course is not None else None
        for letter in letters:
            words = {**_words(letter), "reason": notice.reason.value}
            self._letters[letter.id] = self._begin("letter", letter.created_at, parent, **words)

    def written(self, letters: Iterable[Letter], error: StoreError | None) -> None:
        """The journal has them, or cannot take them."""
        for letter in letters:
            span = self._letters.get(letter.id)
            if span is not None:
                if error is not None:
                    span.set_status(StatusCode.ERROR, "not written")
                span.end(_ns(self._now()))

    def kept(self, letter: Letter) -> None:
        """A letter has changed: an attempt begins or ends, or the letter does."""
        attempt = self._attempts.pop(letter.id, None)
        if attempt is not None:
            self._end_attempt(attempt, letter)
        if letter.state is LetterState.SENDING:
            self._attempts[letter.id] = self._begin(
                "attempt", self._now(), self._letters.get(letter.id), **_words(letter), number=letter.attempts
            )
        if not letter.is_open:
            self._letters.pop(letter.id, None)

    def _end_attempt(self, attempt: Span, letter: Letter) -> None:
        attempt.set_attribute(f"{PREFIX}state", letter.state.value)
        if letter.state is LetterState.DELIVERED:
            attempt.set_attribute(f"{PREFIX}receipt", letter.receipt or "")
        else:
            attempt.set_status(StatusCode.ERROR, letter.last_error)
        attempt.end(_ns(self._now()))

    def _root(self, course: Course) -> Span:
        if course.root is None:
            course.root = self._begin(course.name, course.began, None, **course.words)
        return course.root

    def _finish(self, course: Course, incident: Incident | None) -> None:
        root = self._root(course)
        if incident is not None:
            root.set_attribute(f"{PREFIX}incident", incident.id)
        if course.publication is not None:
            self._finish_publication(course.publication, course.began, root)
        root.end(_ns(self._now()))

    def _finish_publication(self, made: Publication, began: datetime, root: Span) -> None:
        self._begin("evaluate", began, root).end(_ns(made.began))
        said = made.document
        words = {"code": said.code, "severity": said.severity.value}
        self._begin("publish", made.began, root, revision=said.revision, **words).end(_ns(made.ended))

    def _begin(self, name: str, at: datetime, parent: Span | None, **attributes: str | int) -> Span:
        return self._tracer.start_span(
            name,
            context=set_span_in_context(parent or INVALID_SPAN, Context()),
            attributes={PREFIX + key: value for key, value in attributes.items()},
            start_time=_ns(at),
        )


class TracedLine(Line):
    """A line whose reports are followed, and what time alone brings about."""

    def __init__(self, trace: Trace, core: Core, **rest: Any) -> None:
        super().__init__(core, **rest)
        self.trace = trace

    def deliver(self, name: str, report: Report) -> None:
        words = {"machine": name, "state": report.state, "reason": report.reason}
        with self.trace.following("report", self._incident, **words):
            super().deliver(name, report)

    def evaluate(self) -> None:
        with self.trace.following("moment", self._incident):
            super().evaluate()

    def _incident(self) -> Incident | None:
        return self.core.incident


class TracedPublisher(Publisher):
    """A publisher that tells of what it published."""

    def __init__(self, trace: Trace, now: Callable[[], datetime], revision: int = 0) -> None:
        super().__init__(revision)
        self.trace = trace
        self._now = now

    def publish(self, draft: Callable[[], HealthDocument]) -> Published:
        began, before = self._now(), self.revision
        published = super().publish(draft)
        self.trace.published(began, published.document, is_news=self.revision != before)
        return published


class TracedPosting(Posting):
    """Letters that are followed from their writing to their end."""

    def __init__(self, trace: Trace, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.trace = trace

    def address(self, notice: Notice, to: frozenset[str]) -> tuple[Letter, ...]:
        letters = super().address(notice, to)
        self.trace.addressed(notice, letters)
        return letters

    def post(self, letters: tuple[Letter, ...], error: StoreError | None) -> None:
        self.trace.written(letters, error)
        super().post(letters, error)

    def keep(self, letter: Letter) -> None:
        self.trace.kept(letter)
        super().keep(letter)


def _words(letter: Letter) -> dict[str, str]:
    """What every span of a letter says."""
    incident = letter.stream.partition("/")[0]
    within = {"incident": incident} if letter.stream != letter.notice else {}
    return within | {
        "notice": letter.notice,
        "notifier": letter.address.notifier,
        "type": letter.type.value,
        "code": letter.code,
    }


def _ns(at: datetime) -> int:
    """Nanoseconds since the epoch; microseconds are what a `datetime` knows."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
