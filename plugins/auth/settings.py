"""`[machines.NAME]` with `kind = "kite-login"`."""

from __future__ import annotations

import ipaddress
from datetime import time, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agent.api import Duration, SecretText, Settings
from plugins.auth.rollover import Rollover


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError('expected a time zone such as "Asia/Kolkata"') from None
    return name


def _without_zone(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError('expected a time of day without an offset, such as "06:00"; `zone` says whose')
    return at


def _address(text: str) -> str:
    """An address that a token may be sent to: by TLS, or not beyond this machine."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError('expected an address such as "https://api.kite.trade"')
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("expected https://, as a token would be sent in the clear to another machine")
    return text


def _root(text: str) -> str:
    if urlsplit(_address(text)).path not in ("", "/"):
        # KiteConnect joins root and route by `urljoin`, which drops the root's path.
        raise ValueError("expected an address without a path, as the client would drop it")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


TimeOfDay = Annotated[time, AfterValidator(_without_zone)]


class RolloverSettings(Settings):
    """When the broker ends the day's tokens, and until when it may yet do so.

    The documentation says 06:00 (https://kite.trade/docs/connect/v3/user/), the broker's staff
    07:00 to 07:30 (https://kite.trade/forum/).
    """

    at: TimeOfDay = time(6, 0)
    uncertain_until: TimeOfDay = time(7, 30)
    zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Kolkata"

    @model_validator(mode="after")
    def _in_order(self) -> RolloverSettings:
        if self.uncertain_until < self.at:
            raise ValueError("uncertain_until is before at: expected the same time or a later one")
        return self

    @property
    def plan(self) -> Rollover:
        return Rollover(self.at, self.uncertain_until, ZoneInfo(self.zone))


class KiteLoginSettings(Settings):
    """All keys of the table but the core's own."""

    credential: str = "kite"
    api_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]
    api_secret: SecretText | None = None
    """Without it tokens are verified, and nobody can log in here."""
    user_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,32}$", to_upper=True)] | None = None
    """The account that must log in; the token of any other is not stored, nor used."""
    verify_every: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(hours=1))] = timedelta(
        minutes=5
    )
    rollover: RolloverSettings = RolloverSettings()
    root: Annotated[str, AfterValidator(_root)] = "https://api.kite.trade"
    login_url: Annotated[str, AfterValidator(_address)] = "https://kite.zerodha.com/connect/login"
