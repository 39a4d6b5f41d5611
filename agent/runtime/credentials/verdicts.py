"""What becomes of a credential's verdict when a word on it is heard: one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from agent.abilities import Verdict


class Word(StrEnum):
    """What a machine may say of a generation."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    DOUBT = "doubt"


VERDICTS: Mapping[tuple[Verdict, Word], Verdict] = {
    (Verdict.UNPROVEN, Word.ACCEPT): Verdict.ACCEPTED,
    (Verdict.UNPROVEN, Word.REFUSE): Verdict.REFUSED,
    (Verdict.UNPROVEN, Word.DOUBT): Verdict.DOUBTED,
    (Verdict.ACCEPTED, Word.ACCEPT): Verdict.ACCEPTED,
    (Verdict.ACCEPTED, Word.REFUSE): Verdict.REFUSED,
    (Verdict.ACCEPTED, Word.DOUBT): Verdict.DOUBTED,
    (Verdict.DOUBTED, Word.ACCEPT): Verdict.ACCEPTED,
    (Verdict.DOUBTED, Word.REFUSE): Verdict.REFUSED,
    (Verdict.DOUBTED, Word.DOUBT): Verdict.DOUBTED,
    # A person may have had the broker asked once more; its yes counts. A doubt tells nothing new.
    (Verdict.REFUSED, Word.ACCEPT): Verdict.ACCEPTED,
    (Verdict.REFUSED, Word.REFUSE): Verdict.REFUSED,
    (Verdict.REFUSED, Word.DOUBT): Verdict.REFUSED,
}
