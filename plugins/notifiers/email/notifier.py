"""Tells people by e-mail, one SMTP transaction for each."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import aiosmtplib

from agent.api import Notice, NotifierContext, Receipt
from plugins.notifiers.email.connection import connected
from plugins.notifiers.email.message import message
from plugins.notifiers.email.outcomes import Outcome, conclude, judged
from plugins.notifiers.email.settings import EmailSettings
from plugins.notifiers.outbound import trust
from plugins.notifiers.phrasing import Phrasing
from plugins.notifiers.recent import Recent
from plugins.notifiers.wording import Wording


class EmailNotifier:
    """Tells some people.

    The server may take the message for one and refuse it for another. What is settled for a
    notice is kept in memory, so that an attempt to reach the rest does not tell anyone twice.
    """

    def __init__(self, settings: EmailSettings, context: NotifierContext) -> None:
        self._settings = settings
        self._phrasing = Phrasing(settings, context.clock, context.surroundings.base_url, {})
        self._tls = trust(settings.ca_file)
        self._secrets = _secrets(settings)
        self._outcomes: Recent[dict[str, Outcome]] = Recent()

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self._settings.recipients)

    async def send_to(self, recipient: str, notice: Notice) -> Receipt:
        wording = await self._phrasing.word(notice)
        async with connected(self._settings, self._tls, secrets=self._secrets) as connection:
            outcome = await self._tell(connection, notice, wording, recipient)
        return replace(conclude({recipient: outcome}), remark=wording.remark)

    async def reach(self) -> str:
        """Connect and log in, as for a mail, and send none."""
        async with connected(self._settings, self._tls, secrets=self._secrets):
            login = " and takes the login" if self._settings.username is not None else ""
            return f"{self._settings.host}:{self._settings.reached_port} answers{login}"

    async def send(self, notice: Notice) -> Receipt:
        outcomes = self._outcomes.get(notice.id)
        if outcomes is None:
            outcomes = {}
            self._outcomes.put(notice.id, outcomes)
        wording = await self._phrasing.word(notice)
        left = [one for one in self._settings.recipients if not _is_settled(outcomes.get(one))]
        if left:
            async with connected(self._settings, self._tls, secrets=self._secrets) as connection:
                for recipient in left:
                    outcomes[recipient] = await self._tell(connection, notice, wording, recipient)
        told = {recipient: outcomes[recipient] for recipient in self._settings.recipients}
        return replace(conclude(told), remark=wording.remark)

    async def _tell(
        self, connection: aiosmtplib.SMTP, notice: Notice, wording: Wording, recipient: str
    ) -> Outcome:
        mail = message(notice, wording, sender=self._settings.sender, recipient=recipient)
        try:
            await connection.sendmail(self._settings.sender, [recipient], mail.as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            return judged(refused.code, refused.message, secrets=self._secrets)
        except aiosmtplib.SMTPResponseException as error:
            return judged(error.code, error.message, secrets=self._secrets)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Outcome(f"the connection broke ({type(error).__name__})")
        return Outcome()


def _is_settled(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.is_settled


def _secrets(settings: EmailSettings) -> frozenset[str]:
    """What a server may repeat and nobody else should read, as it was sent to it.

    The recipients are among them: an error names them, but does not show them whole.
    """
    user = settings.username or ""
    password = settings.password.get_secret_value() if settings.password is not None else ""
    sent = [f"\0{user}\0{password}", user, password]
    coded = [b64encode(text.encode()).decode() for text in sent]
    return frozenset({user, password, *coded, *settings.recipients} - {""})
