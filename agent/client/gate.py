"""Whether to trade, as the agent last said it: known at once, and no for as long as the agent is silent."""

from __future__ import annotations

import http.client
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.client.calling import LONGEST_ANSWER, Agent, agents_at

log = logging.getLogger("openbell.client")

SILENCE_S = 25.0
"""The agent sends something every ten seconds; a stream without is dead."""

SILENCE_OF_SEVERAL_S = 15.0
"""Where another agent may have the desk meanwhile, it is asked sooner."""

ANSWER_S = 3.0
"""An agent that has not begun to answer by then is not there."""

LONGEST_WORD_S = 60.0
"""No word holds longer, whatever it says of itself."""

LONGEST_LINE = 4 * 1024 * 1024
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
PAUSE_BEFORE_TAKEOVER_S = 0.5
"""Where an agent stands by, it has the desk within seconds."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds that only go forward; where the host can, they count a suspended host's sleep too."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Word:
    """What the agent last said, and until when (by `steady`) it holds; `why` says what is in the way."""

    tradable: bool
    until: float
    why: str


@dataclass(frozen=True, slots=True)
class End:
    """Why a stream ended or did not begin; `stands_by` if that agent lives, and has not the desk."""

    why: str
    stands_by: bool = False


CLOSED = Word(False, 0.0, "the agent has not said anything yet")


class Gate:
    """Follows the agent's event stream in a thread of its own; asking costs no request.

    `token` is a read token, which an agent on this host does not ask for. Where agents stand in
    for each other, `url` has the addresses of all: it follows the one that has the desk until
    its stream ends, then asks the next. After a fork the child's gate closes when the last word
    has run out, because threads are not inherited.
    """

    def __init__(self, url: str | Sequence[str], token: str | None = None) -> None:
        self._agents = agents_at(url, token)
        self._word = CLOSED
        self._ended = threading.Event()
        self._spoken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="openbell gate", daemon=True)
        self._thread.start()

    def tradable(self) -> bool:
        """Whether the agent says, now, that it is safe to trade."""
        word = self._word
        return word.tradable and steady() < word.until

    def why(self) -> str:
        """What is in the way, for people; empty when nothing is."""
        word = self._word
        if not word.tradable:
            return word.why
        return "" if steady() < word.until else "the agent is silent"

    def wait_for_word(self, timeout_s: float) -> bool:
        """Wait until the agent has said anything at all; `False` if it did not in that time."""
        return self._spoken.wait(timeout_s)

    def close(self) -> None:
        """Follow no more; from now on the answer is no."""
        self._ended.set()
        self._word = Word(False, 0.0, "the gate was closed")

    def _run(self) -> None:
        """Round after round, with pauses that grow until an agent speaks."""
        pause = FIRST_PAUSE_S
        while not self._ended.is_set():
            has_heard, stands_by = self._go_round()
            if has_heard:
                pause = FIRST_PAUSE_S
            if stands_by:
                pause = min(pause, PAUSE_BEFORE_TAKEOVER_S)
            self._ended.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _go_round(self) -> tuple[bool, bool]:
        """Follow each agent for as long as it speaks; returns whether one did, and whether one stands by."""
        has_heard = stands_by = False
        troubles: list[str] = []
        for agent in self._agents:
            before = self._word
            end = self._follow(agent)
            if self._ended.is_set():
                break
            if self._word is not before:
                has_heard, troubles = True, []
            if self._word.until:
                log.warning("the gate is closed: %s", end.why)
            stands_by = stands_by or end.stands_by
            troubles.append(end.why)
            self._word = Word(False, 0.0, "; ".join(troubles))
        return has_heard, stands_by

    def _follow(self, agent: Agent) -> End:
        """One event stream from its beginning to its end."""
        is_one_of_several = len(self._agents) > 1
        who = f"the agent at {agent.name}" if is_one_of_several else "the agent"
        connection = agent.open(ANSWER_S)
        try:
            connection.connect()
            line = connection.sock
            connection.request("GET", agent.at("/api/system/events"), headers=agent.headers)
            answer = connection.getresponse()
            if answer.status != 200:
                return End(f"{who} answered {_refusal(answer)}", stands_by=answer.status == 503)
            line.settimeout(SILENCE_OF_SEVERAL_S if is_one_of_several else SILENCE_S)
            if is_one_of_several:
                _notice_death(line)
            for kind, body in _events(answer):
                if self._ended.is_set():
                    break
                self._take(kind, body)
        except Exception as error:  # noqa: BLE001 - whatever came or did not come, the answer is no
            return End(f"{who} is unreachable ({type(error).__name__})")
        finally:
            connection.close()
        return End(f"{who} ended the stream")

    def _take(self, kind: str, body: Mapping[str, Any]) -> None:
        """A document says what holds; the short word after it for how long, by the agent's own clock.

        A document alone is no proof that the agent lives now: the first one of a stream may be old.
        """
        if kind == "document":
            fresh = self._word.until != 0.0
            until = steady() + _lifetime(body, "generated_at") if fresh else 0.0
            self._word = Word(body["tradable"] is True, until, _why(body))
        elif kind == "refresh":
            self._word = Word(self._word.tradable, steady() + _lifetime(body, "now"), self._word.why)
            if not self._spoken.is_set():
                self._spoken.set()


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kind = ""
    while line := answer.readline(LONGEST_LINE):
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield kind, json.loads(line[6:])


def _refusal(answer: http.client.HTTPResponse) -> str:
    """Its status and its own words, where it has any."""
    try:
        detail = json.loads(answer.read(LONGEST_ANSWER))["detail"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return f"with status {answer.status}"
    return f"with status {answer.status}: {detail}"


def _notice_death(line: socket.socket) -> None:
    """Have the host ask, where it can, whether the other one is still there: another may have its desk."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
        if option := getattr(socket, name, None):
            line.setsockopt(socket.IPPROTO_TCP, option, value)


def _lifetime(body: Mapping[str, Any], since: str) -> float:
    """For how many seconds these words hold from when they were said."""
    left = datetime.fromisoformat(body["valid_until"]) - datetime.fromisoformat(body[since])
    return min(left.total_seconds(), LONGEST_WORD_S)


def _why(document: Mapping[str, Any]) -> str:
    blockers = [blocker["message"] for blocker in document["blockers"] if blocker.get("message")]
    return "; ".join(blockers) or str(document["message"])
