"""Who may do what."""

from __future__ import annotations

import base64
import stat

import pytest

from agent.config.schema import Server
from agent.testing import ManualClock, MemoryStore
from agent.web.access import SESSION_COOKIE, Access, Hosts, Scope, control_token
from agent.web.digests import digest
from agent.web.sessions import Sessions

OPEN = {"read_token": "read-me", "control_token": "steer-me", "push_token": "report-to-me"}


def access_of(server: Server, control: str = "the-token-in-the-folder") -> Access:
    return Access(server, control, Sessions(ManualClock(), MemoryStore()))


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("host", "authorization", "scopes"),
    [
        pytest.param("127.0.0.1", None, "public read", id="loopback is open to readers"),
        pytest.param("0.0.0.0", None, "public", id="elsewhere a token is needed"),
        pytest.param("0.0.0.0", "Bearer read-me", "public read", id="the read token"),
        pytest.param("0.0.0.0", "Bearer steer-me", "public read control push", id="the control token"),
        pytest.param("0.0.0.0", "Bearer report-to-me", "public push", id="the push token"),
        pytest.param(
            "0.0.0.0",
            "Bearer the-token-in-the-folder",
            "public read control push",
            id="the folder's own token",
        ),
        pytest.param("0.0.0.0", basic("steer-me"), "public read control push", id="as a browser asks for it"),
        pytest.param("0.0.0.0", "Bearer wrong", "public", id="a wrong token"),
        pytest.param("0.0.0.0", "Bearer", "public", id="no token at all"),
        pytest.param("0.0.0.0", "Basic ???", "public", id="garbage"),
        pytest.param("127.0.0.1", "Bearer wrong", "public read", id="a wrong token on loopback"),
    ],
)
def test_scopes_follow_from_the_token(host, authorization, scopes) -> None:
    access = access_of(Server(host=host, **OPEN))
    assert access.caller(authorization, {}).scopes == {Scope(word) for word in scopes.split()}


@pytest.mark.parametrize(
    ("token", "may_guess"),
    [
        pytest.param("steer-me", True, id="right, but so short that it could be found"),
        pytest.param("wrong", True, id="wrong"),
        pytest.param("the-token-in-the-folder", False, id="one that cannot be guessed"),
    ],
)
def test_who_brings_what_could_be_a_guess_is_known(token, may_guess) -> None:
    caller = access_of(Server(**OPEN)).caller(f"Bearer {token}", {})
    assert caller.may_guess is may_guess


def test_a_token_may_stand_in_the_configuration_as_its_digest() -> None:
    server = Server(push_token=f"sha256:{digest('report-to-me').hex()}")
    access = access_of(server)
    assert Scope.PUSH in access.caller("Bearer report-to-me", {}).scopes
    assert Scope.PUSH not in access.caller(f"Bearer {server.push_token.get_secret_value()}", {}).scopes


@pytest.mark.parametrize("text", ["sha256:", "sha256:00", f"sha256:{'A' * 64}", f"sha256:{'0' * 65}"])
def test_what_looks_like_a_digest_must_be_one(text) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Server(read_token=text)


def test_a_page_session_gives_control_and_no_push() -> None:
    access = access_of(Server())
    session = access.open_session(access.caller(None, {}))
    assert session is not None
    caller = access.caller(None, {SESSION_COOKIE: session})
    assert caller.scopes == {Scope.PUBLIC, Scope.READ, Scope.CONTROL}
    assert caller.by_session
    assert access.open_session(caller) is None
    assert not access.caller("Bearer the-token-in-the-folder", {SESSION_COOKIE: session}).by_session


def test_a_reader_from_elsewhere_gets_no_session() -> None:
    access = access_of(Server(host="0.0.0.0", **OPEN))
    assert access.open_session(access.caller("Bearer read-me", {})) is None
    assert access.open_session(access.caller("Bearer steer-me", {})) is not None


def test_no_token_is_kept_as_it_is() -> None:
    kept = MemoryStore()
    sessions = Sessions(ManualClock(), kept)
    access = Access(Server(host="0.0.0.0", **OPEN), "the-token-in-the-folder", sessions)
    session = access.open_session(access.caller("Bearer steer-me", {}))
    remains = repr((vars(access), vars(sessions), vars(kept)))
    for secret in ("the-token-in-the-folder", "read-me", "steer-me", "report-to-me", session or "?"):
        assert secret not in remains


def test_the_control_token_is_made_once_and_private(tmp_path) -> None:
    token = control_token(tmp_path / "data")
    assert len(token) >= 32
    assert control_token(tmp_path / "data") == token
    (tmp_path / "data" / "control-token").chmod(0o644)
    control_token(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data" / "control-token").stat().st_mode) == 0o600


@pytest.mark.parametrize("left", ["", " ", "half-a-token"])
def test_a_control_token_that_was_cut_off_is_made_anew(tmp_path, left) -> None:
    (tmp_path / "control-token").write_text(left)
    token = control_token(tmp_path)
    assert len(token) >= 32
    assert (tmp_path / "control-token").read_text() == token
    assert Scope.CONTROL not in access_of(Server(), token).caller(f"Bearer {left}", {}).scopes


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        pytest.param("127.0.0.1:8000", True, id="the address"),
        pytest.param("localhost:8000", True, id="localhost"),
        pytest.param("LOCALHOST:8000", True, id="in capitals"),
        pytest.param("[::1]:8000", True, id="by version 6"),
        pytest.param("desk.example.com", True, id="as people reach it"),
        pytest.param("alias.example.com", True, id="a further name"),
        pytest.param("evil.example", False, id="a stranger's name"),
        pytest.param("127.0.0.1:9999", False, id="another port"),
        pytest.param("127.0.0.1.evil.example:8000", False, id="a name that begins like ours"),
        pytest.param("", False, id="no name"),
    ],
)
def test_only_our_own_names_are_taken(host, taken) -> None:
    server = Server(allowed_hosts=["alias.example.com"])
    hosts = Hosts(server, "https://desk.example.com", 8000)
    assert hosts.takes(host) is taken
    assert hosts.is_own_origin(f"http://{host}") is taken


@pytest.mark.parametrize(
    ("url", "host", "is_behind"),
    [
        pytest.param("https://desk.example.com", "desk.example.com", True, id="by the proxy's name"),
        pytest.param("https://desk.example.com", "127.0.0.1:8000", False, id="past the proxy"),
        pytest.param("http://desk.example.com", "desk.example.com", False, id="a proxy without TLS"),
    ],
)
def test_a_cookie_is_for_tls_only_where_people_come_by_it(url, host, is_behind) -> None:
    assert Hosts(Server(), url, 8000).is_behind_tls(host) is is_behind


@pytest.mark.parametrize("origin", ["null", "", "file://", "https://", "desk.example.com", "http:///x"])
def test_an_origin_that_is_none_of_ours(origin) -> None:
    assert not Hosts(Server(), "http://127.0.0.1:8000", 8000).is_own_origin(origin)


def test_a_host_for_others_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="read_token"):
        Server(host="0.0.0.0")
    with pytest.raises(ValueError, match="read_token"):
        Server(host="desk.example.com", read_token="x")
