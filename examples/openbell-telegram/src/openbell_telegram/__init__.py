"""Alarms to a Telegram chat, by a bot."""

from __future__ import annotations

from agent.api import RegisterNotifier, hookimpl

from . import notifier

openbell_api = 1


@hookimpl
def openbell_notifiers(register: RegisterNotifier) -> None:
    register("telegram", notifier.Telegram, settings=notifier.TelegramSettings)
