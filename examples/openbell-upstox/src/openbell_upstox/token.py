"""What the login machine says of the token: its states, its reasons, and the words for people."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    VALID = "VALID"
    EXPIRED = "EXPIRED"
    REQUIRED = "REQUIRED"


class Reason(StrEnum):
    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"
    ROLLOVER = "ROLLOVER"
    REJECTED = "REJECTED"
    MISSING = "MISSING"


MESSAGES = {
    (State.VALID, Reason.VERIFIED): "Upstox takes the token",
    (State.VALID, Reason.UNVERIFIED): "Upstox took the token, and gives no answer now",
    (State.EXPIRED, Reason.ROLLOVER): "The token ended at 03:30, as every day: log in",
    (State.EXPIRED, Reason.REJECTED): "Upstox refuses the token: log in",
    (State.REQUIRED, Reason.MISSING): "There is no token: log in",
    (State.REQUIRED, Reason.UNVERIFIED): "There is a token, and Upstox has not taken it yet",
}
