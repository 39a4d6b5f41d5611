"""What is said of one route: its answers, its own problems, its query and its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes with one status: `shapes` by media type, `None` where the text has no shape of ours."""

    text: str
    shapes: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `problems` are its own errors, beside those that the gate gives on any route."""

    summary: str
    answers: Mapping[int, Answer]
    problems: Mapping[int, str] = field(default_factory=dict)
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    body: type | None = None
    pages: tuple[int, ...] = ()
    """Statuses of which it shows a page to a person, HTML."""
