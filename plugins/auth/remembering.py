"""Puts the evidence on a token into the machine's store and takes it back after a restart."""

from __future__ import annotations

import json
from datetime import datetime

from plugins.auth.token import Evidence, Moment

KEY = "evidence"


def pack(evidence: Evidence, now: Moment) -> str:
    """The proofs as instants, as monotonic seconds mean nothing to another run."""
    proofs = {by: now.instant(at_s).isoformat() for by, at_s in evidence.proofs.items()}
    return json.dumps({"generation": evidence.generation, "proofs": proofs})


def unpack(text: str | None, generation: str, now: Moment) -> Evidence:
    """The evidence on this generation; without any if the text is another's, or cannot be read.

    A refusal is not kept here, but by the core with the credential itself.
    """
    try:
        kept = json.loads(text or "{}")
        if kept.get("generation") != generation:
            return Evidence(generation=generation)
        proofs = {str(by): _seconds(at, now) for by, at in kept["proofs"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return Evidence(generation=generation)
    return Evidence(generation=generation, proofs=proofs)


def _seconds(instant: str, now: Moment) -> float:
    """The second of an instant, which is not after now: the clock may have been set back meanwhile."""
    return min(now.seconds(datetime.fromisoformat(instant)), now.s)
