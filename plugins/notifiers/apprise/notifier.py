"""Tells receivers through apprise, each in a letter of its own, from threads of its own."""

from __future__ import annotations

from collections.abc import Sequence

from agent.api import (
    DeliveryError,
    Notice,
    NoticeReason,
    NoticeType,
    NotifierContext,
    Receipt,
    Severity,
)
from plugins.notifiers.answers import refusal
from plugins.notifiers.apprise.service import Told, tell
from plugins.notifiers.apprise.settings import AppriseSettings
from plugins.notifiers.phrasing import Phrasing, receipt
from plugins.notifiers.wording import body_text, unmentioning

KINDS = {
    Severity.OK: "success",
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.UNKNOWN: "warning",
    Severity.CRITICAL: "failure",
}
"""By which services choose colours, signs and sounds."""

TYPE_KINDS = {NoticeType.RECOVERY: "success", NoticeType.TEST: "info"}


def kind_of(notice: Notice) -> str:
    """Whether what is not watched any more is over, nobody knows."""
    if notice.reason is NoticeReason.UNWATCHED:
        return KINDS[Severity.UNKNOWN]
    return TYPE_KINDS.get(notice.type) or KINDS[notice.severity]


class AppriseNotifier:
    """Tells the receivers that are named in `urls`."""

    def __init__(self, settings: AppriseSettings, context: NotifierContext) -> None:
        self._settings = settings
        self._context = context
        self._phrasing = Phrasing(settings, context.clock, context.surroundings.base_url, {})

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._settings.urls)

    async def send_to(self, recipient: str, notice: Notice) -> Receipt:
        wording = await self._phrasing.word(notice)
        told = await self._context.in_thread(
            tell,
            self._settings.urls[recipient].get_secret_value(),
            title=unmentioning(wording.title),
            body=unmentioning(body_text(wording)),
            kind=kind_of(notice),
        )
        if not told.taken:
            raise self._failure(recipient, told)
        return receipt(f"taken by {recipient}", wording)

    async def send(self, notice: Notice) -> Receipt:
        for recipient in self.recipients:
            await self.send_to(recipient, notice)
        return Receipt(status=f"taken by {', '.join(self.recipients)}")

    def _failure(self, recipient: str, told: Told) -> DeliveryError:
        if told.status is not None:
            error = refusal(told.status, None, self._context.clock.now(), who=recipient)
            if error is not None:
                return error
        if told.no_connection:
            return DeliveryError(f"no connection to {recipient}")
        return DeliveryError(f"{recipient} did not take it, and apprise does not say why")
