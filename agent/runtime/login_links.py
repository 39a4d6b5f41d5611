"""One-time login links for notices: signed, for one account, good for ten minutes, spent by hand."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from agent.abilities import KeyValue
from agent.clock import Clock
from agent.model import Action

LIFE = timedelta(minutes=10)
PATH = "/api/auth/link"
LOGIN = "login"
"""The kind of the action that such a link stands for."""

LENGTH_LIMIT = 400


class Refusal(StrEnum):
    """Why a link is not taken."""

    FORGED = "FORGED"
    EXPIRED = "EXPIRED"
    SPENT = "SPENT"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link says: whose login it begins, until when, and which link it is."""

    machine: str
    ends_at: datetime
    nonce: str = field(repr=False)


def write(ticket: Ticket, key: bytes) -> str:
    """The ticket as text for an address, with its signature."""
    body = json.dumps([ticket.machine, int(ticket.ends_at.timestamp()), ticket.nonce]).encode()
    return f"{_encode(body)}.{_encode(_signature(body, key))}"


def read(text: str, key: bytes) -> Ticket | None:
    """The ticket of a text that was signed with the key; `None` for any other text."""
    body, _, signature = text.partition(".")
    try:
        said = _decode(body)
        is_ours = len(text) <= LENGTH_LIMIT and hmac.compare_digest(_decode(signature), _signature(said, key))
    except (binascii.Error, ValueError):
        return None
    if not is_ours:
        return None
    machine, ends_at, nonce = json.loads(said)
    return Ticket(machine, datetime.fromtimestamp(ends_at, UTC), nonce)


class LoginLinks:
    """Makes links and takes them, once each; key and spent links are kept over a restart.

    The right lies in the signature, so that a link works on a phone that has no token of ours.
    It lets its bearer begin a login at the broker, where a password is asked for, and no more.
    """

    def __init__(self, clock: Clock, store: KeyValue, base_url: str) -> None:
        self._clock = clock
        self._store = store
        self._base_url = base_url.rstrip("/")
        if store.get("key") is None:
            store.put("key", secrets.token_hex(32))
        self._key = bytes.fromhex(store.get("key") or "")

    def make(self, machine: str) -> str:
        """The absolute address of a fresh link for the login of a machine."""
        ticket = Ticket(machine, self._clock.now() + LIFE, secrets.token_urlsafe(12))
        return f"{self._base_url}{PATH}/{write(ticket, self._key)}"

    def put_into(self, action: Action) -> Action:
        """The action with a fresh link, if it is a login; any other as it is."""
        machines = parse_qs(urlsplit(action.href).query).get("machine")
        if action.kind != LOGIN or not machines:
            return action
        return replace(action, href=self.make(machines[0]))

    def judge(self, text: str) -> Ticket | Refusal:
        """The ticket, or why it is not taken; it remains unspent."""
        ticket = read(text, self._key)
        if ticket is None:
            return Refusal.FORGED
        if self._clock.now() >= ticket.ends_at:
            return Refusal.EXPIRED
        return Refusal.SPENT if ticket.nonce in self._spent() else ticket

    def spend(self, text: str) -> Ticket | Refusal:
        """As `judge`, and a ticket that is given is spent."""
        ticket = self.judge(text)
        if isinstance(ticket, Ticket):
            now = self._clock.now().timestamp()
            spent = {nonce: end for nonce, end in self._spent().items() if end > now}
            spent[ticket.nonce] = ticket.ends_at.timestamp()
            self._store.put("spent", json.dumps(spent))
        return ticket

    def _spent(self) -> dict[str, float]:
        read: dict[str, float] = json.loads(self._store.get("spent") or "{}")
        return read


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
