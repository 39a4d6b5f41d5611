"""What a mail server's answer means for one recipient, and all outcomes for the notice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from agent.api import DeliveryError, Receipt
from plugins.notifiers.wording import clean

ANSWER_LIMIT = 200
SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one recipient; without an `error` the server took the message.

    A settled one is not tried again: it was taken, or refused for good.
    """

    error: str = ""
    permanent: bool = False
    retry_after: timedelta | None = None

    @property
    def is_settled(self) -> bool:
        return not self.error or self.permanent


def judged(code: int, text: str, *, secrets: Iterable[str]) -> Outcome:
    """The outcome of a refusal: 5xx for good, anything else for now."""
    said = redact(text, secrets)
    return Outcome(f"{code} {said}".rstrip(), permanent=500 <= code <= 599)


def conclude(outcomes: Mapping[str, Outcome]) -> Receipt:
    """The receipt, or the `DeliveryError` that names, without showing, who is not reached.

    It is permanent only if nobody is left who could be tried again.
    """
    failed = {recipient: outcome for recipient, outcome in outcomes.items() if outcome.error}
    count = f"accepted for {len(outcomes) - len(failed)} of {len(outcomes)}" if len(outcomes) > 1 else ""
    if not failed:
        return Receipt(status=count or "accepted")
    said = "; ".join(f"{hide(recipient)}: {outcome.error}" for recipient, outcome in failed.items())
    wishes = [outcome.retry_after for outcome in failed.values() if outcome.retry_after is not None]
    raise DeliveryError(
        clean(f"{count}; {said}" if count else said, 500),
        permanent=all(outcome.is_settled for outcome in outcomes.values()),
        retry_after=max(wishes, default=None),
    )


def hide(address: str) -> str:
    """`d***@example.com`: enough for its owner to know it by."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"


def redact(text: str, secrets: Iterable[str]) -> str:
    """A server's words without what they may repeat of ours, on one line, cut."""
    line = clean(text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            line = line.replace(secret, hide(secret) if "@" in secret else "***")
    return clean(line, ANSWER_LIMIT)
