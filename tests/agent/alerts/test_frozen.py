"""What is kept of a notice is the whole of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alerts.frozen import freeze, thaw
from agent.model import Action, Incident, Notice, NoticeReason, NoticeType, Severity

instants = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
texts = st.text(max_size=40)
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9)).map(
    lambda span: timedelta(milliseconds=span // timedelta(milliseconds=1))
)

notices = st.builds(
    Notice,
    id=texts,
    type=st.sampled_from(NoticeType),
    reason=st.sampled_from(NoticeReason),
    code=texts,
    severity=st.sampled_from(Severity),
    message=texts,
    since=instants,
    created_at=instants,
    agent=texts,
    incident=st.none() | st.builds(Incident, id=texts, opened_at=instants, url=st.none() | texts),
    machines=st.lists(st.dictionaries(texts, texts, max_size=3), max_size=3).map(tuple),
    action=st.none() | st.builds(Action, kind=texts, label=texts, href=texts, method=texts),
    duration=st.none() | spans,
    document=st.dictionaries(texts, texts | st.none() | st.booleans() | st.integers(), max_size=4),
)


@given(notices)
def test_a_notice_comes_back_as_it_was(notice: Notice) -> None:
    assert thaw(freeze(notice)) == notice


@given(notices)
def test_its_text_is_the_same_each_time(notice: Notice) -> None:
    assert freeze(notice) == freeze(thaw(freeze(notice)))


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", "null", '{"id": 1}'])
def test_what_is_no_notice_says_so(body: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        thaw(body)
