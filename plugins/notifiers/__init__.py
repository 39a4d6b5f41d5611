"""Notifiers: Slack, e-mail, the services of apprise, and a signed webhook for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.api import NotifierContext, RegisterNotifier, hookimpl
from plugins.notifiers.apprise.settings import AppriseSettings
from plugins.notifiers.email.settings import EmailSettings
from plugins.notifiers.slack.settings import SlackSettings
from plugins.notifiers.webhook.settings import WebhookSettings

if TYPE_CHECKING:
    from plugins.notifiers.apprise.notifier import AppriseNotifier
    from plugins.notifiers.email.notifier import EmailNotifier
    from plugins.notifiers.slack.notifier import SlackNotifier
    from plugins.notifiers.webhook.notifier import WebhookNotifier


def slack(settings: SlackSettings, context: NotifierContext) -> SlackNotifier:
    """The notifier of the kind `slack`; its HTTP client is loaded here, not before."""
    from plugins.notifiers.slack.notifier import SlackNotifier

    return SlackNotifier(settings, context)


def email(settings: EmailSettings, context: NotifierContext) -> EmailNotifier:
    """The notifier of the kind `email`; its SMTP client is loaded here, not before."""
    from plugins.notifiers.email.notifier import EmailNotifier

    return EmailNotifier(settings, context)


def webhook(settings: WebhookSettings, context: NotifierContext) -> WebhookNotifier:
    """The notifier of the kind `webhook`; its HTTP client is loaded here, not before."""
    from plugins.notifiers.webhook.notifier import WebhookNotifier

    return WebhookNotifier(settings, context)


def apprise(settings: AppriseSettings, context: NotifierContext) -> AppriseNotifier:
    """The notifier of the kind `apprise`; the library is loaded where its addresses are checked."""
    from plugins.notifiers.apprise.notifier import AppriseNotifier

    return AppriseNotifier(settings, context)


@hookimpl
def openbell_notifiers(register: RegisterNotifier) -> None:
    register("slack", slack, settings=SlackSettings)
    register("email", email, settings=EmailSettings)
    register("webhook", webhook, settings=WebhookSettings)
    register("apprise", apprise, settings=AppriseSettings)
