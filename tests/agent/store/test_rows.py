"""Reports as the journal keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.model import Report
from agent.store.rows import read_report, report_text

instants = st.datetimes(timezones=st.just(UTC))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.builds(
        Report,
        state=st.text(min_size=1),
        reason=st.text(min_size=1),
        observed_at=instants,
        message=st.text(),
        valid_for=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
        next_change_at=st.none() | instants,
        attributes=st.dictionaries(st.text(), json_values, max_size=3),
        measures=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    )
)
def test_a_report_survives_the_journal(report: Report) -> None:
    assert read_report(report_text(report)) == report


def test_an_empty_report_is_short() -> None:
    report = Report(state="S", reason="R", observed_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert report_text(report) == '{"state": "S", "reason": "R", "observed_at": "2026-11-23T00:00:00+00:00"}'
