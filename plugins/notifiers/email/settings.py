"""What `[notifiers.NAME]` of the kind `email` can say."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from agent.api import SecretText
from plugins.notifiers.templates.settings import TemplatedSettings, TemplateText

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_HOST}")
_LONGEST = 254


def _address(text: str) -> str:
    if len(text) > _LONGEST or not _ADDRESS.fullmatch(text):
        raise ValueError('expected a plain address such as "desk@example.com"')
    return text


def _host(text: str) -> str:
    if len(text) > _LONGEST or not re.fullmatch(_HOST, text):
        raise ValueError('expected a host such as "smtp.example.com"')
    return text


Address = Annotated[str, AfterValidator(_address)]
"""Of a person or of us: no name beside it, nothing that SMTP would have to quote."""


class Tls(StrEnum):
    """How the connection to the mail server is made private."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


class EmailSettings(TemplatedSettings):
    """People who are told by e-mail."""

    host: Annotated[str, AfterValidator(_host)]
    port: int | None = Field(default=None, ge=1, le=65535)
    """587 with STARTTLS, 465 with implicit TLS, 25 without, unless said."""
    tls: Tls = Tls.STARTTLS
    ca_file: Path | None = None
    """A PEM file of the authorities to trust, in place of the system's."""
    username: str | None = None
    password: SecretText | None = None
    sender: Address
    recipients: list[Address] = Field(min_length=1, max_length=100)
    html_template: TemplateText | None = None
    """For the HTML part; without it, `template` makes both."""

    @model_validator(mode="after")
    def _never_logs_in_in_clear(self) -> EmailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("expected username and password together")
        if self.password is not None and self.tls is Tls.NONE:
            raise ValueError('a password is never sent in clear: set tls = "starttls" or "implicit"')
        if len({recipient.lower() for recipient in self.recipients}) < len(self.recipients):
            raise ValueError("a recipient is named twice")
        return self

    @property
    def reached_port(self) -> int:
        return self.port or PORTS[self.tls]
