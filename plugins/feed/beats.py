"""What a trading process says of its own ticker, and the events that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from plugins.feed import events
from plugins.feed.states import Reason
from plugins.feed.watch import Link

Age = Annotated[FiniteFloat, Field(ge=0)] | None
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(max_length=200)]

STREAM = 0
"""The one canary of a feed that names none: the newest tick of any instrument."""


class Beat(BaseModel):
    """One beat. Counts are from the process's start, ages in seconds before it was sent.

    `opened` and `failed` count connections and their ends, `status` is that of the last refused
    handshake. `stopped` says that the reactor can do nothing any more, `left` that the script
    closed its ticker on purpose, `order` which command was carried out last.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    process: Annotated[str, Field(min_length=1, max_length=64)]
    connected: bool
    opened: Count
    failed: Count = 0
    status: int | None = None
    ending: Name = ""
    frames: Count = 0
    packets: Count = 0
    heard_s: Age = None
    busy_s: Age = None
    stamps: Annotated[Mapping[int, float], Field(max_length=3000)] = {}
    newest: float | None = None
    missing: Annotated[Sequence[int], Field(max_length=100)] = ()
    begun: bool = True
    stopped: bool = False
    left: bool = False
    paused: bool = False
    order: Count = 0
    generation: Annotated[str, Field(max_length=100)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is known of the trading process: its last beat, and the connection that was given up."""

    beat: Beat
    given_up: int = -1

    @property
    def has_connection(self) -> bool:
        """Whether it has one that still counts."""
        return self.beat.connected and self.beat.opened != self.given_up


def give_up(script: Script) -> Script:
    """From now on its present connection counts as gone; one that it opens later does not."""
    return replace(script, given_up=script.beat.opened)


def meet(former: Script | None, beat: Beat) -> Script:
    """The script as of this beat; a process that is another one begins anew."""
    return replace(former, beat=beat) if former is not None and is_same(former, beat) else Script(beat=beat)


def is_same(former: Script | None, beat: Beat) -> bool:
    return former is not None and former.beat.process == beat.process


def follow_link(former: Script | None, script: Script, link: Link) -> Iterator[events.Event]:
    """What has become of the connection since the beat before, where the link stood at `link`."""
    beat = script.beat
    known = former if former is not None and is_same(former, beat) else None
    is_other = known is None or known.beat.opened != beat.opened
    if link is Link.OPEN and (not script.has_connection or is_other):
        yield events.Closed(Reason.CLOSED_BY_PEER, beat.ending)
        link = Link.DOWN
    if link is Link.OPEN:
        return
    if script.has_connection:
        yield from _opening(beat, link)
        yield events.Opened()
        yield events.Subscribed()
    elif beat.begun:
        yield from _try(known, beat, link)


def _try(known: Script | None, beat: Beat, link: Link) -> Iterator[events.Event]:
    """The attempts of a script without a connection: its first, ours, and its own retries."""
    begins = known is None or not known.beat.begun
    came_and_went = known is not None and beat.opened > known.beat.opened
    failed = _count_failures(known, beat) > 0
    if begins or came_and_went or failed:
        yield from _opening(beat, link)
    if came_and_went:
        yield events.Opened()
        yield events.Closed(Reason.CLOSED_BY_PEER, beat.ending)
    elif failed:
        yield events.Failed(beat.ending) if beat.status is None else events.Refused(beat.status)


def _opening(beat: Beat, link: Link) -> Iterator[events.Event]:
    if link is Link.DOWN:
        yield events.Opening(beat.generation)


def _count_failures(known: Script | None, beat: Beat) -> int:
    """How many attempts have failed since; `failed` counts the ends of open connections too."""
    if known is None:
        return beat.failed
    lost = known.has_connection and not beat.connected
    return beat.failed - known.beat.failed - lost


def hear_frames(
    former: Script | None, script: Script, canaries: Mapping[int, str], now: float, wall: float
) -> events.Heard | None:
    """The frames since the beat before, or `None` if there were none that count."""
    beat = script.beat
    known = former if is_same(former, beat) else None
    frames, packets = (known.beat.frames, known.beat.packets) if known is not None else (0, 0)
    if beat.heard_s is None or not script.has_connection or (known is not None and beat.frames == frames):
        return None
    stamps = dict(beat.stamps)
    if STREAM in canaries:
        newest = beat.newest
        if newest is None and beat.packets > packets:
            newest = wall - beat.heard_s  # a script without timestamps: when they came must do
        stamps = {STREAM: newest} if newest is not None else {}
    return events.Heard(
        at=now - beat.heard_s, wall=wall, packets=max(0, beat.packets - packets), stamps=stamps
    )
