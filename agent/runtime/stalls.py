"""A thread that notices when the event loop does not turn, and says whose code it is stuck in."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType

from agent.clock import Clock, Timer

log = logging.getLogger(__name__)

BEAT_S = 0.25
LIMIT_S = 1.0
"""A loop that has not turned for so long is held up."""

_INNERMOST = 30
"""So many of the innermost frames are logged."""


@dataclass(frozen=True, slots=True)
class Stall:
    """The loop was held up; `plugin` is `None` where no plugin's code was found at it.

    `found_s` is when it was looked for, by the clock's `monotonic`.
    """

    plugin: str | None
    where: str
    lasted_s: float
    found_s: float

    def __str__(self) -> str:
        return f"held up the event loop for {self.lasted_s:.1f} s ({self.where})"


@dataclass(frozen=True, slots=True)
class _Sight:
    beat_s: float
    plugin: str | None
    where: str
    at_s: float


class StallWatch:
    """`modules` has each plugin's package; `ended` hears, on the loop, of each stall that is over.

    A process that was stopped or suspended as a whole has not been held up by anybody: the
    watching thread then finds that it has itself lost time.
    """

    def __init__(self, clock: Clock, modules: Mapping[str, str], ended: Callable[[Stall], None]) -> None:
        self._clock = clock
        self.modules = modules
        self._ended = ended
        self._stop = threading.Event()
        self._beat_s = 0.0
        self._sight: _Sight | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        """Watch the running loop, whose thread this is."""
        self._beat_s = self._clock.monotonic()
        self._beat()
        watch = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="stall watch", daemon=True
        )
        watch.start()

    def stop(self) -> None:
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        before, self._beat_s = self._beat_s, self._clock.monotonic()
        sight, self._sight = self._sight, None
        self._timer = self._clock.call_later(BEAT_S, self._beat)
        if sight is not None and sight.beat_s == before:
            stall = Stall(sight.plugin, sight.where, self._beat_s - before, sight.at_s)
            log.warning("%s %s; it turns again", _whose(stall.plugin), stall)
            self._ended(stall)

    def _watch(self, loop_thread: int) -> None:
        looked_s = excused_s = self._clock.monotonic()
        told_s = -1.0
        while not self._stop.wait(BEAT_S):
            before_s, looked_s = looked_s, self._clock.monotonic()
            if looked_s - before_s > LIMIT_S:
                excused_s = looked_s
            beat_s = self._beat_s
            if beat_s != told_s and looked_s - max(beat_s, excused_s) > LIMIT_S:
                told_s = beat_s
                self._look(sys._current_frames().get(loop_thread), beat_s)

    def _look(self, frame: FrameType | None, beat_s: float) -> None:
        plugin, where = culprit(frame, self.modules)
        stack = "".join(traceback.format_stack(frame)[-_INNERMOST:]) if frame is not None else ""
        self._sight = _Sight(beat_s, plugin, where, self._clock.monotonic())
        log.error("%s holds up the event loop at %s:\n%s", _whose(plugin), where, stack.rstrip())


def culprit(frame: FrameType | None, modules: Mapping[str, str]) -> tuple[str | None, str]:
    """The plugin whose code is nearest to where the stack ends, and the line; else the end itself."""
    innermost = frame
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        for plugin, package in modules.items():
            if module == package or module.startswith(f"{package}."):
                return plugin, _line(frame)
        frame = frame.f_back
    return None, _line(innermost) if innermost is not None else "an unknown place"


def _line(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "?")
    return f"{module}:{frame.f_lineno} in {frame.f_code.co_name}"


def _whose(plugin: str | None) -> str:
    return f"the plugin {plugin}" if plugin is not None else "the agent's own code"
