"""What `agent.toml` may say of a feed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.api import Duration, Settings
from plugins.feed.backoff import Backoff
from plugins.feed.watch import Limits

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SHORTEST = timedelta(milliseconds=50)
_LONGEST = timedelta(hours=1)


def _check_patience(duration: timedelta) -> timedelta:
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError('expected a duration from "50ms" to "1h"')
    return duration


def _check_url(url: str) -> str:
    """A feed's address holds no secret, and one that leaves the host is encrypted."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError('expected an address such as "wss://ws.kite.trade"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without a user name or a password")
    if parts.scheme == "ws" and parts.hostname not in _LOOPBACK:
        raise ValueError('expected "wss://": only an address of this host may be unencrypted')
    return url


def _name_tokens(value: object) -> object:
    """A plain list of tokens names each by its number."""
    if isinstance(value, list):
        return {str(token): token for token in value}
    return value


Patience = Annotated[Duration, AfterValidator(_check_patience)]
FeedUrl = Annotated[str, AfterValidator(_check_url)]
Token = Annotated[int, Field(strict=True, gt=0, lt=2**32)]
Instruments = Annotated[
    dict[str, Token], BeforeValidator(_name_tokens, json_schema_input_type=dict[str, Token] | list[Token])
]


class FeedSettings(Settings):
    """What every feed has."""

    stale_after: Patience = timedelta(seconds=10)
    heartbeat_after: Patience = timedelta(seconds=5)
    connect_timeout: Patience = timedelta(seconds=5)
    lag_limit: Patience = timedelta(seconds=5)
    backoff_first: Patience = timedelta(seconds=1)
    backoff_cap: Patience = timedelta(seconds=30)
    backoff_quiet: Patience = timedelta(minutes=5)
    refusal_pause: Patience = timedelta(minutes=5)
    rate_limit_pause: Patience = timedelta(seconds=30)

    def limits(self, *, pongs_are_life: bool = False) -> Limits:
        """The same, as the watchdog takes it."""
        return Limits(
            stale_after=self.stale_after.total_seconds(),
            heartbeat_after=self.heartbeat_after.total_seconds(),
            connect_timeout=self.connect_timeout.total_seconds(),
            lag_limit=self.lag_limit.total_seconds(),
            refusal_pause=self.refusal_pause.total_seconds(),
            rate_limit_pause=self.rate_limit_pause.total_seconds(),
            backoff=Backoff(
                first=self.backoff_first.total_seconds(),
                cap=self.backoff_cap.total_seconds(),
                quiet=self.backoff_quiet.total_seconds(),
            ),
            pongs_are_life=pongs_are_life,
        )


class KiteFeedSettings(FeedSettings):
    """A `kite-feed`.

    `canaries` are liquid instruments, by name, that must tick while data is expected;
    `instruments` are others, which must answer the subscribe. A plain list of tokens will do
    for either.
    """

    api_key: str = Field(min_length=1)
    credential: str = "kite"
    url: FeedUrl = "wss://ws.kite.trade"
    canaries: Instruments = Field(
        default={
            "NIFTY 50": 256265,
            "RELIANCE": 738561,
            "INFY": 408065,
            "HDFCBANK": 341249,
            "TCS": 2953217,
        },
        min_length=1,
        max_length=50,
    )
    instruments: Instruments = Field(default={}, max_length=2900)


class JsonFeedSettings(FeedSettings):
    """A `json-feed`: any WebSocket whose messages are JSON.

    `subscribe` are the texts to send after the handshake. `timestamp` is the path to a
    message's time, such as `"data.ts"`, in the `unit` given; without it every message that is
    no heartbeat counts as a tick. `instrument` is the path to the instrument's name, compared
    with `canaries`. `heartbeat` has the keys and values that make a message a heartbeat; without
    it the WebSocket's own pongs show that the other end lives.
    """

    url: FeedUrl
    subscribe: tuple[str, ...] = ()
    timestamp: str | None = None
    unit: Annotated[str, Field(pattern="^(s|ms|us|ns|iso)$")] = "s"
    instrument: str | None = None
    canaries: tuple[str, ...] = ()
    heartbeat: dict[str, str | int | bool] | None = None

    @model_validator(mode="after")
    def _check_canaries(self) -> JsonFeedSettings:
        if (self.instrument is None) != (not self.canaries):
            raise ValueError('expected "instrument" and "canaries" together, or neither')
        return self


class PushedFeedSettings(FeedSettings):
    """A `pushed-feed`: the ticker of a trading process, which reports once a second.

    Without `canaries`, the newest tick of any instrument shows that the feed lives. With a
    `credential`, a reconnect hands its token to the process.
    """

    credential: str | None = None
    canaries: Instruments = Field(default={}, max_length=50)
    beat_after: Patience = timedelta(seconds=3)
