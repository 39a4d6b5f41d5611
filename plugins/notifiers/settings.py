"""The settings that several notifiers share, and the checks of what they are told to reach."""

from __future__ import annotations

import ipaddress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict

from agent.api import Settings
from plugins.notifiers.addresses import may_reach


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError('expected a time zone such as "Asia/Kolkata" or "UTC"') from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]
"""The zone in which people are shown instants."""


class NotifierSettings(Settings):
    """What every notifier can be told. The text of an error never shows what was entered."""

    model_config = ConfigDict(hide_input_in_errors=True)


def needs(package: str, *, extra: str | None = None) -> None:
    """Raises `ValueError` with the remedy if a package is not there; its extra may have another name."""
    if find_spec(package) is None:
        raise ValueError(f'{package} is not installed; run: pip install "openbell[{extra or package}]"')


class HttpSettings(NotifierSettings):
    """What a notifier that posts can be told."""

    allow_private: bool = False
    """Whether loopback and private addresses may be reached, and plain http be spoken."""
    ca_file: Path | None = None
    """A PEM file of the authorities to trust, in place of the system's."""


def check_url(url: str, *, allow_private: bool) -> None:
    """Raises `ValueError`, which never shows the URL, if it is none that may be posted to.

    A name is not looked up here: whither it leads is checked at each connection.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("expected an address such as https://host/path") from None
    if parts.scheme not in ("https", "http") or not host or not url.isprintable() or " " in url:
        raise ValueError("expected an address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no user name or password in the address")
    if host.endswith("."):
        raise ValueError("expected a host name without a dot at its end")
    if parts.scheme == "http" and not allow_private:
        raise ValueError("expected https; plain http is spoken only with allow_private = true")
    if (literal := _literal(host)) is not None and not may_reach(literal, allow_private=allow_private):
        raise ValueError(
            "expected a public address; loopback and private ones need allow_private = true, "
            "and link-local ones are never reached"
        )


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
