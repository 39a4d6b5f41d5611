"""Where the shared store is, as people may see it and as they may not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict


@dataclass(frozen=True, slots=True)
class Address:
    """The URL with its secrets, and the place for people. Raises `ValueError` for one that cannot be read."""

    url: str = field(repr=False)
    place: str = field(init=False)
    """Host, port and database."""
    hosts: int = field(init=False, repr=False)
    """So many hosts are tried, one after another."""
    _secrets: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            # What libpq says of a URL that it cannot read quotes from it, secrets too.
            parts = {name: str(value) for name, value in conninfo_to_dict(self.url).items()}
        except psycopg.Error:
            raise ValueError(
                "not a URL of a PostgreSQL database; expected one such as postgresql://user@host/openbell, "
                "with special characters in it written as %40"
            ) from None
        hosts = (parts.get("host") or parts.get("hostaddr") or "localhost").split(",")
        ports = (parts.get("port") or "").split(",")
        ports = [port or "5432" for port in (ports * len(hosts) if len(ports) == 1 else ports)]
        where = ",".join(map(":".join, zip(hosts, ports, strict=False)))
        name = parts.get("dbname") or parts.get("user") or "openbell"
        object.__setattr__(self, "place", f"{where}/{name}")
        object.__setattr__(self, "hosts", len(hosts))
        secrets = (parts.get("password"), parts.get("sslpassword"))
        object.__setattr__(self, "_secrets", tuple(filter(None, secrets)))

    def __str__(self) -> str:
        return self.place

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may see."""
        return (self.url, *self._secrets)

    def hide(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text)
        return text
