"""What `[notifiers.NAME]` of the kind `slack` can say."""

from __future__ import annotations

import re

from pydantic import ValidationInfo, field_validator, model_validator

from agent.api import SecretText
from plugins.notifiers.settings import HttpSettings, check_url
from plugins.notifiers.templates.settings import TemplatedSettings


class SlackSettings(HttpSettings, TemplatedSettings):
    """A Slack channel, reached by an incoming webhook, or by a bot that can thread and edit."""

    webhook_url: SecretText | None = None
    bot_token: SecretText | None = None
    channel: str | None = None
    """For the bot: the channel's id, such as `C0123456789`, or its name."""
    api_url: str = "https://slack.com/api"
    """For the bot: where the Web API answers."""

    @field_validator("bot_token")
    @classmethod
    def _can_be_a_header(cls, token: SecretText | None) -> SecretText | None:
        if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("expected a bot token such as xoxb-…, without spaces")
        return token

    @field_validator("webhook_url", "api_url")
    @classmethod
    def _may_be_posted_to(cls, url: SecretText | str | None, told: ValidationInfo) -> SecretText | str | None:
        if url is not None:
            address = url if isinstance(url, str) else url.get_secret_value()
            check_url(address, allow_private=told.data.get("allow_private", False))
        return url

    @model_validator(mode="after")
    def _names_one_way(self) -> SlackSettings:
        by_bot = self.bot_token is not None and bool(self.channel)
        if (self.webhook_url is not None) == by_bot or (self.bot_token is not None) != bool(self.channel):
            raise ValueError("expected either webhook_url, or bot_token and channel")
        return self
