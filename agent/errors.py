"""What can go wrong, by whose fault it is."""

from __future__ import annotations

from datetime import timedelta


class AgentError(Exception):
    """The root of all errors raised on purpose."""


class ConfigError(AgentError):
    """`agent.toml` cannot be used; the text names place, finding and remedy, one problem a line."""


class PluginError(AgentError):
    """A plugin broke its contract: it cannot be imported, built, or understood."""


class StoreError(AgentError):
    """The journal's file cannot be opened, read or written."""


class ActionError(AgentError):
    """An action that a person or a program asked for could not be done; the text says why."""


class LoginError(AgentError):
    """A login did not lead to a credential; the text is shown to the person who tried."""


class DeliveryError(AgentError):
    """A notice was not accepted by its receiver.

    `permanent` means that trying again cannot help. `needs_person`, that it cannot until somebody
    has set the receiver right, or what we know of it: it is tried again slowly, and not for long.
    `retry_after` is the receiver's own wish; `None` leaves the pause to the sender.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        needs_person: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.needs_person = needs_person
        self.retry_after = retry_after
