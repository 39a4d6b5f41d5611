"""What one notifier's routes make of an instant: the problem that leads for it, or calm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.alerts.concerns import Concern, Picture
from agent.alerts.routes import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """`concern` is `None` when there is calm. `path` is the way to tell it anew, `None` for not now.

    `is_settling` says that a problem which another explains still lasts: the end of what was told
    waits for it.
    """

    concern: Concern | None
    path: Path | None = None
    is_settling: bool = False

    @property
    def is_calm(self) -> bool:
        return self.concern is None and not self.is_settling


def answer(
    picture: Picture, paths: Sequence[Path], told_code: str | None, group: str | None, now: datetime
) -> Answer:
    """The first problem of a group that some path may tell now; else the one that was told, while it
    is there in some form: on its way out, less severe, silenced, or in its quiet hours.
    """
    mine = [concern for concern in picture.concerns if concern.group == group]
    seen = [one for one in mine if not one.is_suppressed]
    for concern in seen:
        if concern.is_clearing:
            if concern.code == told_code:
                return Answer(concern)
            continue
        path = _path(concern, paths, now)
        if path is not None:
            return Answer(concern, path)
    known = next((one for one in seen if one.code == told_code and not one.is_clearing), None)
    return Answer(known, is_settling=any(_settles(one, paths) for one in mine))


def _path(concern: Concern, paths: Sequence[Path], now: datetime) -> Path | None:
    if concern.is_silenced:
        return None
    ways = (path for path in paths if path.route.covers(concern))
    return next((path for path in ways if path.route.lets_through(concern.severity, now)), None)


def _settles(concern: Concern, paths: Sequence[Path]) -> bool:
    return concern.holds_an_end_back and any(path.route.covers(concern) for path in paths)
