from __future__ import annotations

import io
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from agent.runtime.redaction import MASK, SHORTEST, Redactor, install

SECRET = "kite+T0k/en=42"
secrets = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=SHORTEST, max_size=20)


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([SECRET])


class Log:
    """A logger of its own with a handler that keeps what it writes."""

    def __init__(self, pattern: str = "%(message)s") -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(logging.Formatter(pattern))
        self.logger = logging.Logger("test.redaction")
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture
def log(redactor: Redactor) -> Iterator[Log]:
    log = Log()
    undo = install(log.logger, redactor)
    yield log
    undo()


@given(st.lists(secrets, min_size=1, max_size=4), st.lists(st.text(max_size=8), max_size=5), st.randoms())
def test_no_secret_survives_whatever_stands_around_it(known, noise, random):
    pieces = [*known, *known, *noise]
    random.shuffle(pieces)
    cleaned = Redactor(known).clean("".join(pieces))
    assert not [secret for secret in known if secret in cleaned]


@given(secrets, st.text(max_size=5), st.text(max_size=5))
def test_no_secret_survives_in_a_url_or_a_header(secret, before, after):
    redactor = Redactor([secret])
    for form in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert form not in redactor.clean(f"GET /?q={form}&x=1")
    whole = b64encode(f"{before}{secret}{after}".encode()).decode()
    if len(secret.encode()) >= 9:
        assert MASK in redactor.clean(f"Basic {whole}")


@given(secrets)
def test_no_secret_survives_as_aiohttp_writes_it_into_a_url(secret):
    asked = URL("http://127.0.0.1:9000/").with_query({"q": secret})
    posted = URL("http://127.0.0.1:9000/").joinpath("services" + secret.replace("/", "|"))
    redactor = Redactor([secret, secret.replace("/", "|")])
    assert asked.raw_query_string not in redactor.clean(str(asked))
    assert posted.raw_path not in redactor.clean(str(posted))


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(text):
    redactor = Redactor([SECRET])
    cleaned = redactor.clean(f"{text}{SECRET}{text}")
    assert redactor.clean(cleaned) == cleaned


@given(st.binary(max_size=7), st.binary(max_size=7))
def test_a_password_is_found_inside_a_basic_authorization(user, tail):
    form = b64encode(user + b":" + b"long-enough-password" + tail)
    assert form.decode() not in (cleaned := Redactor(["long-enough-password"]).clean(form.decode()))
    assert MASK in cleaned
    urlsafe = urlsafe_b64encode(user + b":" + "gr\u00fc\u00dfe?>~\u00ff\u00fe".encode() + tail).decode()
    assert MASK in Redactor(["gr\u00fc\u00dfe?>~\u00ff\u00fe"]).clean(urlsafe)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param(
            "POST https://hooks.slack.com/services/T0/B0/abc: 404",
            "POST https://hooks.slack.com/services/*** 404",
            id="a Slack webhook",
        ),
        pytest.param(
            "GET /?api_key=k&access_token=zz&v=3", "GET /?api_key=k&access_token=***&v=3", id="a query"
        ),
        pytest.param("/callback?request_token=zz", "/callback?request_token=***", id="the login's return"),
        pytest.param("Authorization: token key:zz", "Authorization: token ***", id="Kite's header"),
        pytest.param(
            "{'Authorization': 'token key:zz'}", "{'Authorization': 'token ***'}", id="a dict of headers"
        ),
        pytest.param("authorization: Bearer zz.zz", "authorization: Bearer ***", id="a bearer's header"),
        pytest.param('{"access_token": "zz", "x": 1}', '{"access_token": "***", "x": 1}', id="a JSON answer"),
        pytest.param("ZERODHA_ACCESS_TOKEN=zz", "ZERODHA_ACCESS_TOKEN=***", id="a line of a .env file"),
        pytest.param("smtp://desk:zz@mail/", "smtp://desk:***@mail/", id="a password in a URL"),
        pytest.param(
            "https://api.telegram.org/bot1:zz/send", "https://api.telegram.org/bot***", id="Telegram"
        ),
        pytest.param("key whsec_zz", "key whsec_***", id="a webhook's signing key"),
    ],
)
def test_what_looks_like_a_secret_is_masked_though_it_is_not_known(text, cleaned):
    assert Redactor().clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "auth: VALID -> REQUIRED REJECTED: the broker refused the token",
        "agent.toml:9: machines.auth.api_secret: the environment variable KITE_SECRET is not set",
        "feed: reconnecting to wss://ws.kite.trade in 2.3 s",
        "openbell is ready: http://127.0.0.1:8000, mail to desk@example.com",
    ],
)
def test_what_is_no_secret_is_left_alone(text):
    assert Redactor(["demo", "12345"]).clean(text) == text


def test_overlapping_secrets_leave_no_rest():
    assert Redactor(["abcdefgh", "ghijklmn"]).clean("<abcdefghijklmn>") == f"<{MASK}>"


def test_a_secret_that_a_mask_would_complete_is_masked_too():
    redactor = Redactor(["abcdef", "x***yz"])
    assert "x***yz" not in redactor.clean("xabcdefyz")


def test_a_secret_learned_later_is_masked_from_then_on(redactor):
    assert redactor.clean("a new-token b") == "a new-token b"
    redactor.add("new-token")
    assert redactor.clean("a new-token b") == f"a {MASK} b"


def test_a_redactor_does_not_show_what_it_knows(redactor):
    assert SECRET not in repr(redactor)


def test_a_value_from_an_undecodable_environment_can_be_learned():
    assert Redactor(["abc\udce9def"]).clean("x abc\udce9def") == f"x {MASK}"


def test_message_and_arguments_are_cleaned(log):
    log.logger.warning("token %s of %r", SECRET, {"key": SECRET})
    assert log.text == f"token {MASK} of {{'key': '{MASK}'}}\n"


def test_a_traceback_is_cleaned_with_its_causes(log):
    try:
        try:
            raise ValueError(f"bad {SECRET}")  # noqa: TRY301
        except ValueError as error:
            raise RuntimeError(f"worse {quote(SECRET, safe='')}") from error
    except RuntimeError:
        log.logger.exception("it failed")
    assert "Traceback" in log.text
    assert f"ValueError: bad {MASK}" in log.text
    assert f"RuntimeError: worse {MASK}" in log.text
    assert SECRET not in log.text


def test_the_stack_is_shown_and_cleaned(log):
    log.logger.warning("here", stack_info=True)  # kite+T0k/en=42 stands in this very line
    assert "stack_info=True" in log.text
    assert SECRET not in log.text


def test_what_extra_adds_is_cleaned(log):
    log.handler.setFormatter(logging.Formatter("%(message)s %(url)s %(error)s %(count)d"))
    error = ValueError(SECRET)
    log.logger.warning("sent", extra={"url": f"http://x/{SECRET}", "error": error, "count": 3})
    assert log.text == f"sent http://x/{MASK} {MASK} 3\n"


def test_a_handler_that_comes_later_gets_clean_records_too(log):
    late = Log()
    log.logger.addHandler(late.handler)
    log.logger.warning("token %s", SECRET)
    assert late.text == f"token {MASK}\n"


def test_a_line_that_cannot_be_formatted_costs_only_itself(log):
    log.logger.warning("%d of them", "three")
    log.logger.warning("next")
    first, second = log.text.splitlines()
    assert "a log line that cannot be formatted (TypeError)" in first
    assert first.startswith("test_redaction:")
    assert second == "next"


def test_an_installed_redactor_can_be_taken_out(redactor):
    log, factory = Log(), logging.getLogRecordFactory()
    install(log.logger, redactor)()
    log.logger.warning("token %s", SECRET)
    assert logging.getLogRecordFactory() is factory
    assert SECRET in log.text
