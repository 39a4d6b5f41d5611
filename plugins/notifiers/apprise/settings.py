"""What `[notifiers.NAME]` of the kind `apprise` can say."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from agent.api import SecretText
from plugins.notifiers.settings import needs
from plugins.notifiers.templates.settings import TemplatedSettings


def _service(url: SecretText) -> SecretText:
    needs("apprise")
    from plugins.notifiers.apprise.service import fault_of

    if (fault := fault_of(url.get_secret_value())) is not None:
        raise ValueError(fault)
    return url


ServiceUrl = Annotated[SecretText, AfterValidator(_service)]
"""An address as apprise writes it, `SERVICE://TOKENS`; a secret, because it holds them."""

ReceiverName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class AppriseSettings(TemplatedSettings):
    """Receivers at services that apprise speaks, each by a name of the operator's own."""

    urls: dict[ReceiverName, ServiceUrl] = Field(min_length=1, max_length=100)
