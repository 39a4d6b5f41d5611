from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from agent.settings import (
    Duration,
    SecretText,
    Settings,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


class Watch(Settings):
    every: Duration = timedelta(seconds=10)
    token: SecretText | None = None
    ratio: float = 1.0


durations = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3660)).map(
    lambda duration: timedelta(milliseconds=duration // timedelta(milliseconds=1))
)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("10s", timedelta(seconds=10)),
        ("250ms", timedelta(milliseconds=250)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("2d", timedelta(days=2)),
        ("1m500ms", timedelta(seconds=60.5)),
        ("0s", timedelta(0)),
        ("90m", timedelta(minutes=90)),
        ("3660d", timedelta(days=3660)),
    ],
)
def test_a_duration_is_read_as_it_is_written(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-5s",
        "+5s",
        " 5s",
        "5s ",
        "5 s",
        "5S",
        "5w",
        "1.s",
        ".5s",
        "1e3s",
        "1h 30m",
        "\u0665x",
        "nan",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match='expected a duration such as "10s"'):
        parse_duration(text)


@pytest.mark.parametrize("value", [5, 5.0, True, None, ["5s"], b"5s"], ids=repr)
def test_a_duration_of_another_type_is_refused_with_an_example(value):
    with pytest.raises(ValueError, match='expected a duration such as "10s"'):
        parse_duration(value)


@pytest.mark.parametrize("text", ["3661d", "9999999999d", "9" * 400 + "s"])
def test_a_duration_of_more_than_ten_years_is_refused(text):
    with pytest.raises(ValueError, match="at most ten years"):
        parse_duration(text)


@given(durations)
def test_what_is_written_is_read_back(duration):
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(milliseconds=999), "999ms"),
        (timedelta(seconds=1), "1s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=24), "1d"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5), "1d2h3m4s5ms"),
    ],
)
def test_a_duration_is_written_in_its_largest_units(duration, text):
    assert format_duration(duration) == text


@given(st.text(st.sampled_from("0123456789.msdh "), max_size=12))
def test_any_text_is_a_duration_or_refused(text):
    try:
        assert parse_duration(text) >= timedelta(0)
    except ValueError as error:
        assert "expected a duration" in str(error)  # noqa: PT017


def test_settings_read_and_write_durations_as_text():
    watch = Watch.model_validate({"every": "1h30m"})
    assert watch.every == timedelta(minutes=90)
    assert watch.model_dump(mode="json")["every"] == "1h30m"
    assert TypeAdapter(Duration).json_schema(mode="serialization")["type"] == "string"


def test_a_number_is_no_duration_to_settings():
    with pytest.raises(ValidationError, match="expected a duration"):
        Watch.model_validate({"every": 10})


def test_a_key_that_settings_do_not_know_is_an_error():
    with pytest.raises(ValidationError, match="evry"):
        Watch.model_validate({"evry": "10s"})


@pytest.mark.parametrize("ratio", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_a_number_that_is_not_finite_is_an_error(ratio):
    with pytest.raises(ValidationError, match="finite"):
        Watch.model_validate({"ratio": ratio})


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Watch().every = timedelta(0)


def test_a_secret_text_never_shows_itself():
    watch = Watch.model_validate({"token": "hunter2"})
    assert watch.token is not None
    assert watch.token.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(watch) + str(watch) + watch.model_dump_json()


@pytest.mark.parametrize(
    ("text", "size", "again"),
    [
        ("500MB", 500_000_000, "500MB"),
        ("1.5GB", 1_500_000_000, "1.5GB"),
        ("2TB", 2 * 10**12, "2000GB"),
        ("0.05MB", 50_000, "0.1MB"),
    ],
)
def test_a_size_is_read_as_it_is_written(text, size, again):
    assert parse_size(text) == size
    assert format_size(size) == again


@pytest.mark.parametrize("text", ["", "500", 500, None, "500 MB", "-1MB", "500mb", "1KB", "MB", "1e3MB"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match='expected a size such as "500MB"'):
        parse_size(text)
