"""What `[notifiers.NAME]` of the kind `webhook` can say."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator, model_validator

from agent.api import SecretText
from plugins.notifiers.settings import HttpSettings, check_url
from plugins.notifiers.webhook.signature import parse_key


class WebhookSettings(HttpSettings):
    """A program that is told by a POST."""

    url: SecretText
    """The receiver's address; a secret, because knowing it is often the permission to post."""
    secret: SecretText | None = None
    """The key of the signature, `whsec_` and base64. Without it, notices are not signed."""
    previous_secret: SecretText | None = None
    """While the key is being changed: the former one, which signs as well."""
    format: Literal["plain", "cloudevents"] = "plain"

    @field_validator("secret", "previous_secret")
    @classmethod
    def _is_a_key(cls, secret: SecretText | None) -> SecretText | None:
        if secret is not None:
            parse_key(secret.get_secret_value())
        return secret

    @field_validator("url")
    @classmethod
    def _may_be_posted_to(cls, url: SecretText, told: ValidationInfo) -> SecretText:
        check_url(url.get_secret_value(), allow_private=told.data.get("allow_private", False))
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> WebhookSettings:
        if self.previous_secret is not None and self.secret is None:
            raise ValueError("previous_secret is set without secret; set secret to the new key")
        return self

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys to sign with, the present one first."""
        secrets = (self.secret, self.previous_secret)
        return tuple(parse_key(secret.get_secret_value()) for secret in secrets if secret is not None)
