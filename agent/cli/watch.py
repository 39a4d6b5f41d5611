"""The live view of `openbell status --watch`: listens in a thread, draws at each word and each second."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.cli.login import login_link
from agent.cli.reach import Reach
from agent.cli.view import View
from agent.clock import SystemClock
from agent.errors import AgentError

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
LINK_KEPT_S = timedelta(minutes=9).total_seconds()
"""A login link holds for ten minutes; the view has a fresh one before that."""

ENDING_KEYS = b"qQ\x03\x04"

Change = Callable[[View], View]


class Listening:
    """Follows one agent for as long as the program runs, and says how the view changes."""

    def __init__(self, agent: Reach, clock: SystemClock, tell: Callable[[Change], None]) -> None:
        self._agent = agent
        self._clock = clock
        self._tell = tell
        self._link: tuple[str, float, str] | None = None
        self._pause = threading.Event()

    def run(self) -> None:
        failures = 0
        while True:
            try:
                for name, said in self._agent.events():
                    failures = 0
                    self._heard(name, said)
            except (AgentError, KeyError, ValueError) as error:
                self._tell(_troubled(error))
            self._pause.wait(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1

    def _heard(self, name: str, said: Any) -> None:
        now = self._clock.monotonic()
        if name == "document":
            self._tell(lambda view: view.takes(said, now))
            link = self._fresh_link(said["action"])
            self._tell(lambda view: replace(view, link=link))
        elif name == "refresh":
            self._tell(lambda view: view.refreshed(said, now))
            if self._link is not None and now - self._link[1] > LINK_KEPT_S:
                link = self._make_link(self._link[0])
                self._tell(lambda view: replace(view, link=link))

    def _fresh_link(self, action: dict[str, Any] | None) -> str | None:
        """A link for the login that the document asks for; `None` where it asks for none."""
        if action is None or action["kind"] != "login":
            self._link = None
            return None
        [machine] = parse_qs(urlsplit(action["href"]).query).get("machine", [""])
        if self._link is not None and self._link[0] == machine:
            return self._link[2]
        return self._make_link(machine)

    def _make_link(self, machine: str) -> str:
        link = login_link(self._agent, machine)
        self._link = (machine, self._clock.monotonic(), link)
        return link


def _troubled(error: Exception) -> Change:
    return lambda view: replace(view, trouble=str(error))


def watch(agent: Reach) -> str | None:
    """Show the agent until a person ends it; returns the last severity, `None` if that is not known now."""
    clock = SystemClock()
    changes: SimpleQueue[Change] = SimpleQueue()
    with _waking() as (wakes, wake):

        def tell(change: Change) -> None:
            changes.put(change)
            wake()

        threading.Thread(target=Listening(agent, clock, tell).run, daemon=True).start()
        with _signals(wake) as got:
            view = _show(View(agent.url), clock, changes, wakes, got)
    if signal.SIGTERM in got:
        sys.exit(128 + signal.SIGTERM)
    if view.document is None or not view.is_live(clock.monotonic()):
        return None
    return str(view.document["severity"])


def _show(
    view: View, clock: SystemClock, changes: SimpleQueue[Change], wakes: int, got: Collection[int]
) -> View:
    """Draw at each change and each second, until a key or a signal; returns what was seen last."""
    from rich.console import Console
    from rich.live import Live

    from agent.cli.screen import screen

    console = Console()
    with _keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while not got:
            shown = screen(view, clock.monotonic(), columns=console.width, rows=console.height)
            live.update(shown, refresh=True)
            told, _, _ = select.select([wakes, *keys], [], [], 1.0)
            if keys and keys[0] in told and _ends(keys[0]):
                break
            if wakes in told:
                os.read(wakes, 4096)
            view = _changed(view, changes)
    return view


def _changed(view: View, changes: SimpleQueue[Change]) -> View:
    while True:
        try:
            view = changes.get_nowait()(view)
        except Empty:
            return view


def _ends(keyboard: int) -> bool:
    pressed = os.read(keyboard, 64)
    return not pressed or any(key in ENDING_KEYS for key in pressed)


@contextmanager
def _waking() -> Iterator[tuple[int, Callable[[], None]]]:
    """What becomes readable when another thread wants to be heard, and what makes it so."""
    wakes, waking = os.pipe()
    os.set_blocking(waking, False)

    def wake() -> None:
        try:
            os.write(waking, b".")
        except (BlockingIOError, OSError):
            return  # it is awake already, or ending

    try:
        yield wakes, wake
    finally:
        os.close(wakes)
        os.close(waking)


@contextmanager
def _signals(wake: Callable[[], None]) -> Iterator[list[int]]:
    """The signals that end the view, as they come: none is raised amidst the drawing of a screen."""
    got: list[int] = []

    def end(number: int, frame: object) -> None:
        got.append(number)
        wake()

    former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield got
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _keys() -> Iterator[list[int]]:
    """The keyboard, each key at once; nothing where there is none. The terminal is left as it was."""
    if not sys.stdin.isatty():
        yield []
        return
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield [keyboard]
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
