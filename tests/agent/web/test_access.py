"""Who may do what."""

from __future__ import annotations

import base64
import stat

import pytest

from agent.config.schema import Server
from agent.testing import ManualClock
from agent.web.access import SESSION_COOKIE, SESSION_LIFE_S, Access, Hosts, Scope, control_token

OPEN = {"read_token": "read-me", "control_token": "steer-me", "push_token": "report-to-me"}


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
        pytest.param("0.0.0.0", "Bearer folder", "public read control push", id="the folder's own token"),
        pytest.param("0.0.0.0", basic("steer-me"), "public read control push", id="as a browser asks for it"),
        pytest.param("0.0.0.0", "Bearer wrong", "public", id="a wrong token"),
        pytest.param("0.0.0.0", "Bearer", "public", id="no token at all"),
        pytest.param("0.0.0.0", "Basic ???", "public", id="garbage"),
        pytest.param("127.0.0.1", "Bearer wrong", "public read", id="a wrong token on loopback"),
    ],
)
def test_scopes_follow_from_the_token(host, authorization, scopes) -> None:
    access = Access(Server(host=host, **OPEN), "folder", ManualClock())
    assert access.caller(authorization, {}).scopes == {Scope(word) for word in scopes.split()}


async def test_a_page_session_gives_control_until_it_ends() -> None:
    clock = ManualClock()
    access = Access(Server(), "folder", clock)
    session = access.open_session(access.caller(None, {}))
    assert session is not None
    cookies = {SESSION_COOKIE: session}
    assert Scope.CONTROL in access.caller(None, cookies).scopes
    assert access.open_session(access.caller(None, cookies)) is None
    await clock.advance(SESSION_LIFE_S)
    assert Scope.CONTROL not in access.caller(None, cookies).scopes


def test_a_reader_from_elsewhere_gets_no_session() -> None:
    access = Access(Server(host="0.0.0.0", **OPEN), "folder", ManualClock())
    assert access.open_session(access.caller("Bearer read-me", {})) is None
    assert access.open_session(access.caller("Bearer steer-me", {})) is not None


def test_no_token_is_kept_as_it_is() -> None:
    access = Access(Server(host="0.0.0.0", **OPEN), "folder", ManualClock())
    session = access.open_session(access.caller("Bearer steer-me", {}))
    kept = repr(vars(access))
    for secret in ("folder", "read-me", "steer-me", session or "?"):
        assert secret not in kept


def test_the_control_token_is_made_once_and_private(tmp_path) -> None:
    token = control_token(tmp_path / "data")
    assert len(token) >= 32
    assert control_token(tmp_path / "data") == token
    (tmp_path / "data" / "control-token").chmod(0o644)
    control_token(tmp_path / "data")
    assert (tmp_path / "data" / "control-token").stat().st_mode & 0o777 == 0o600
    assert stat.S_IMODE((tmp_path / "data" / "control-token").stat().st_mode) == 0o600


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


@pytest.mark.parametrize("origin", ["null", "", "file://", "https://", "desk.example.com", "http:///x"])
def test_an_origin_that_is_none_of_ours(origin) -> None:
    assert not Hosts(Server(), "http://127.0.0.1:8000", 8000).is_own_origin(origin)


def test_a_host_for_others_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="read_token"):
        Server(host="0.0.0.0")
    with pytest.raises(ValueError, match="read_token"):
        Server(host="desk.example.com", read_token="x")
