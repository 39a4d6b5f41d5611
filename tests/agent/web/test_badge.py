"""The badge: what it says, and that it never stays green without its agent."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from agent.health.document import AgentPart, CausePart, HealthDocument, Outcome
from agent.model import Severity
from agent.testing import ManualClock
from agent.web.badge import _COLORS, badge

NOW = ManualClock().now()


def document(code: str = "LIVE", color: str = "green", severity: Severity = Severity.OK) -> HealthDocument:
    return HealthDocument(
        status=Outcome.PASS, code=code, severity=severity, message="", color=color, since=NOW,
        generated_at=NOW, valid_until=NOW + timedelta(seconds=30), revision=1,
        cause=CausePart(rule=None, group=None, machine=None, reason=None), action=None, market=None,
        ready=True, tradable=True, blockers=[], problems=[], machines={},
        agent=AgentPart(name="desk", version="1", started_at=NOW),
    )  # fmt: skip


def said(drawn: str) -> str:
    return str(ET.fromstring(drawn).get("aria-label"))


@pytest.mark.parametrize(
    ("code", "severity", "words"),
    [
        pytest.param("LIVE", Severity.OK, "desk: ✓ LIVE", id="well"),
        pytest.param("AUTH_REQUIRED", Severity.CRITICAL, "desk: ✕ AUTH REQUIRED", id="an alarm"),
        pytest.param("CLOSED", Severity.OK, "desk: ✓ CLOSED", id="a closed market is no alarm"),
        pytest.param("FEED_STALE", Severity.UNKNOWN, "desk: ? FEED STALE", id="not known"),
    ],
)
def test_a_badge_says_it_by_a_word_and_a_sign_beside_the_colour(code, severity, words) -> None:
    assert said(badge(document(code, "red", severity), NOW)) == words


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        pytest.param(29.999, "desk: ✓ LIVE", id="just before its time"),
        pytest.param(30, "desk: no contact", id="at its time"),
    ],
)
def test_a_document_past_its_time_is_grey(age_s, words) -> None:
    drawn = badge(document(), NOW + timedelta(seconds=age_s))
    assert said(drawn) == words
    assert (_COLORS["grey"] in drawn) is ("no contact" in words)


def test_before_the_first_document_there_is_no_contact() -> None:
    assert said(badge(None, NOW)) == "desk: no contact"


def test_a_colour_of_a_rule_s_own_is_grey_and_its_words_are_text() -> None:
    drawn = badge(document('<script>&"', '"/><script>'), NOW)
    assert "<script" not in drawn
    assert _COLORS["grey"] in drawn
    assert said(drawn) == 'desk: ✓ <script>&"'


def luminance(color: str) -> float:
    parts = [int(two, 16) / 255 for two in re.findall("..", color[1:])]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("color", _COLORS.values(), ids=_COLORS)
def test_white_letters_can_be_read_on_each_colour(color) -> None:
    assert 1.05 / (luminance(color) + 0.05) >= 4.5
