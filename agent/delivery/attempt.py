"""One attempt to hand a letter to its receiver, inside the fence around a plugin's notifier."""

from __future__ import annotations

from agent.abilities import Addressing, Notifier
from agent.alerts.frozen import thaw
from agent.alerts.letters import Letter
from agent.clock import Clock
from agent.errors import DeliveryError
from agent.fence import in_words
from agent.model import Notice, Receipt
from agent.ownership import bounded


async def attempt(notifier: Notifier, letter: Letter, *, clock: Clock, timeout_s: float) -> Receipt:
    """The receiver's receipt. Raises `DeliveryError`, whatever goes wrong."""
    notice = _read(letter)
    call = _hand_over(notifier, notice, letter.address.recipient)
    try:
        receipt = await bounded(letter.address.notifier, call, clock=clock, timeout_s=timeout_s)
    except DeliveryError:
        raise
    except TimeoutError:
        raise DeliveryError(f"no answer within {timeout_s:g} s") from None
    except Exception as error:
        raise DeliveryError(in_words(error)) from error
    return receipt if isinstance(receipt, Receipt) else Receipt(status=type(receipt).__name__)


async def _hand_over(notifier: Notifier, notice: Notice, recipient: str | None) -> Receipt:
    if recipient is not None and isinstance(notifier, Addressing):
        return await notifier.send_to(recipient, notice)
    return await notifier.send(notice)


def _read(letter: Letter) -> Notice:
    try:
        return thaw(letter.body)
    except (ValueError, KeyError, TypeError) as error:
        text = f"what the journal kept of it cannot be read ({error})"
        raise DeliveryError(text, permanent=True) from None
