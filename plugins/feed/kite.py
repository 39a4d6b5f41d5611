"""Kite's ticker: its address, its subscriptions, its frames.

Protocol: https://kite.trade/docs/connect/v3/websocket/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from agent.api import Context
from plugins.feed.dialect import Tally
from plugins.feed.machine import Feed
from plugins.feed.packets import MalformedFrameError, look_for, read_stamps, tokens_of
from plugins.feed.settings import KiteFeedSettings

_LONGEST_TEXT = 4096  # longer texts are order updates, which are not ours to read
_LONGEST_WORDS = 200
_SPARING = 32


class KiteDialect:
    """How Kite's ticker speaks."""

    headers: Mapping[str, str] = {"X-Kite-Version": "3"}

    def __init__(
        self, url: str, api_key: str, canaries: Mapping[int, str], instruments: Mapping[int, str]
    ) -> None:
        self.canaries: Mapping[int, str] = canaries
        self.instruments: Mapping[int, str] = {**instruments, **canaries}
        self._url = url
        self._api_key = api_key
        self._wanted = look_for(canaries)

    def address(self, secret: str) -> str:
        query = urlencode({"api_key": self._api_key, "access_token": secret})
        parts = urlsplit(self._url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))

    def subscriptions(self) -> Sequence[str]:
        """Tokens are numbers: a string is silently ignored (https://kite.trade/forum/discussion/comment/6277)."""
        every, canaries = list(self.instruments), list(self.canaries)
        return (
            json.dumps({"a": "subscribe", "v": every}),
            json.dumps({"a": "mode", "v": ["full", canaries]}),
        )

    def read(self, frame: bytes | str, tally: Tally) -> None:
        if isinstance(frame, str):
            self._read_text(frame, tally)
            return
        try:
            count = read_stamps(frame, self._wanted, tally.stamps)
        except MalformedFrameError:
            tally.malformed += 1
            return
        tally.packets += count
        if tally.unanswered:
            self._look_for_answers(frame, tally)

    def _look_for_answers(self, frame: bytes, tally: Tally) -> None:
        """Answers come at once; later on, one frame in some is looked at for the sake of the rest."""
        tally.looks -= 1
        if tally.looks < 0 and tally.looks % _SPARING:
            return
        for token in tokens_of(frame):
            tally.unanswered.pop(token, None)

    def _read_text(self, text: str, tally: Tally) -> None:
        """Keep what the broker says to people, such as a refused subscription."""
        if len(text) > _LONGEST_TEXT:
            return
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            tally.malformed += 1
            return
        if isinstance(message, dict) and message.get("type") in ("error", "message"):
            words = "".join(c for c in str(message.get("data", "")) if c.isprintable())
            tally.said = words[:_LONGEST_WORDS]


def make_feed(settings: KiteFeedSettings, context: Context) -> Feed:
    """The machine of a `kite-feed`; in the simulated environment it knows the simulator only."""
    url = settings.url
    if context.surroundings.simulator is not None:
        url = "ws" + context.surroundings.simulator.removeprefix("http")
    dialect = KiteDialect(
        url, settings.api_key, _by_token(settings.canaries), _by_token(settings.instruments)
    )
    return Feed(dialect, settings.limits(), context, context.credential(settings.credential))


def _by_token(names: Mapping[str, int]) -> Mapping[int, str]:
    return {token: name for name, token in names.items()}
