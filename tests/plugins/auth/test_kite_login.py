"""The login machine with the real client, at the simulated broker."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from agent.abilities import Secret, Verdict
from agent.errors import ActionError, AgentError, LoginError
from agent.model import Report
from agent.testing import Bench, ManualClock, running
from plugins.auth import KiteLogin, KiteLoginSettings, Reason, State

VERIFIED = (State.VALID, Reason.VERIFIED)


def said(report: Report) -> tuple[str, str]:
    return report.state, report.reason


async def test_without_a_token_a_login_is_required(open_desk: Any) -> None:
    async with open_desk() as desk:
        report = await desk.until(State.REQUIRED, Reason.MISSING)
        assert report.message == "There is no access token: log in"
        assert await desk.profiles_asked() == 0


async def test_a_login_is_valid_at_once_and_proven_by_the_broker_next(open_desk: Any) -> None:
    async with open_desk() as desk:
        line = await desk.machine.complete(await desk.came_back())
        assert line == "Logged in as AB1234. The access token is stored."
        assert said(desk.last) == VERIFIED
        assert [proof["by"] for proof in desk.last.attributes["proofs"]] == ["session"]
        report = await desk.until_proven("profile")
        assert said(report) == VERIFIED
        assert report.measures["verify_age_s"] == 0
        assert report.next_change_at == desk.settings.rollover.plan.next(desk.clock.now())
        assert desk.credential.state.value.verdict is Verdict.ACCEPTED


async def test_a_token_that_another_process_wrote_is_taken_once_the_broker_takes_it(open_desk: Any) -> None:
    async with open_desk() as desk:
        token = await desk.new_token()
        await desk.until(State.REQUIRED)
        desk.bench.reports.clear()
        desk.credential.put(token)
        await desk.until(State.VALID, Reason.VERIFIED)
        assert desk.bench.reports[0].state is State.VALID, "the old state stood till then"


async def test_a_dead_token_is_refused_once_and_never_tried_again(desk: Any) -> None:
    await desk.order("token", do="revoke")
    await desk.clock.advance(1)
    assert await desk.machine.act("verify") == "The broker refuses the access token: log in"
    assert said(desk.last) == (State.EXPIRED, Reason.REJECTED)
    assert desk.last.attributes["refused"]["by"] == "profile"
    assert desk.credential.state.value.verdict is Verdict.REFUSED
    asked = await desk.profiles_asked()
    for _ in range(20):
        await desk.clock.advance(timedelta(hours=1))
        assert said(await desk.machine.probe()) == (State.EXPIRED, Reason.REJECTED)
    assert await desk.profiles_asked() == asked


async def test_a_refused_token_is_replaced_by_a_login_without_a_restart(desk: Any) -> None:
    await desk.order("token", do="expire")
    await desk.clock.advance(1)
    await desk.machine.act("verify")
    await desk.machine.complete(await desk.came_back())
    assert said(desk.last) == VERIFIED


async def test_the_broker_is_asked_at_a_steady_pace(desk: Any) -> None:
    asked = await desk.profiles_asked()
    await desk.clock.advance(timedelta(minutes=4, seconds=59))
    assert (await desk.machine.probe()).measures["verify_age_s"] == 299
    assert await desk.profiles_asked() == asked
    await desk.clock.advance(1)
    assert (await desk.machine.probe()).measures["verify_age_s"] == 0
    assert await desk.profiles_asked() == asked + 1


async def test_at_the_rollover_the_broker_is_asked_and_believed(desk: Any) -> None:
    rollover = desk.settings.rollover.plan.next(desk.clock.now())
    desk.clock.step_wall(rollover - desk.clock.now() - timedelta(minutes=2))
    await desk.clock.advance(timedelta(minutes=1, seconds=59))
    assert said(await desk.machine.probe()) == VERIFIED
    await desk.clock.advance(1)
    report = await desk.machine.probe()
    assert said(report) == (State.EXPIRED, Reason.ROLLOVER)
    assert report.message == "The access token ended with the rollover at 06:00 IST: log in"


async def test_at_the_rollover_the_clock_alone_ends_nothing(desk: Any) -> None:
    rollover = desk.settings.rollover.plan.next(desk.clock.now())
    await desk.order("rest", fault="error", status=503, error_type="NetworkException")
    desk.clock.step_wall(rollover - desk.clock.now() - timedelta(seconds=1))
    await desk.clock.advance(1)
    report = await desk.machine.probe()
    assert said(report) == (State.VALID, Reason.UNVERIFIED)
    assert report.message == (
        "The broker accepted the access token before the rollover at 06:00 IST, "
        "and has not been heard since; "
        "it may still end it until 07:30 IST; "
        "the broker gives no answer since 06:00 IST: it answers with an error (HTTP 503)"
    )


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ({"fault": "error", "status": 500}, "BROKEN"),
        ({"fault": "error", "status": 503, "error_type": "NetworkException"}, "BROKEN"),
        ({"fault": "rate-limit", "retry_after": 7}, "RATE_LIMITED"),
        ({"fault": "garbage", "kind": "html"}, "BROKEN"),
        ({"fault": "garbage", "kind": "json"}, "BROKEN"),
        ({"fault": "garbage", "kind": "shape"}, "BROKEN"),
        ({"fault": "garbage", "kind": "empty"}, "BROKEN"),
        ({"fault": "forbidden"}, "FORBIDDEN"),
        ({"fault": "drop"}, "UNREACHABLE"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_what_is_no_answer_changes_no_state_and_is_tried_again_later(
    desk: Any, caplog: pytest.LogCaptureFixture, fault: dict, answer: str
) -> None:
    caplog.set_level(logging.INFO)
    await desk.order("rest", **fault)
    await desk.clock.advance(1)
    with pytest.raises(ActionError, match="since 09:30 IST"):
        await desk.machine.act("verify")
    report = desk.last
    assert said(report) == VERIFIED
    assert report.attributes["broker"]["answer"] == answer
    assert desk.credential.state.value.verdict is Verdict.ACCEPTED
    await desk.order("rest", fault=None)
    await desk.clock.advance(60 if answer == "RATE_LIMITED" else 5)
    await desk.until_trouble(None)
    assert said(desk.last) == VERIFIED
    assert "unanswered_s" not in desk.last.measures
    assert [record.getMessage().split(":")[1] for record in caplog.records if record.name == "test.auth"] == [
        f" no word on the token ({answer})",
        " the broker answers again",
    ]


async def test_a_forbidden_by_a_token_exception_is_a_refusal(desk: Any) -> None:
    await desk.order("rest", fault="forbidden", error_type="TokenException", message="whatever")
    await desk.clock.advance(1)
    await desk.machine.act("verify")
    assert said(desk.last) == (State.EXPIRED, Reason.REJECTED)


async def test_a_request_that_hangs_is_given_up_on_and_not_joined_by_another(desk: Any) -> None:
    await desk.order("rest", fault="slow", seconds=60)
    await desk.clock.advance(1)
    wish = asyncio.create_task(desk.machine.act("verify"))
    while await desk.profiles_asked() < 2:
        await asyncio.sleep(0)
    await desk.clock.advance(8)
    with pytest.raises(ActionError, match="no answer in time"):
        await wish
    await desk.clock.advance(1)
    with pytest.raises(ActionError, match="a former request has not ended yet"):
        await desk.machine.act("verify")
    assert said(desk.last) == VERIFIED
    await desk.order("rest", fault=None)


async def test_a_broker_that_stays_away_is_believed_for_three_turns(desk: Any) -> None:
    await desk.order("rest", fault="drop")
    await desk.clock.advance(timedelta(minutes=14))
    report = await desk.machine.probe()
    assert said(report) == VERIFIED
    assert report.valid_for == timedelta(minutes=1)
    await desk.clock.advance(timedelta(minutes=2))
    report = await desk.machine.probe()
    assert report.valid_for == timedelta(0), "from here on the core says UNKNOWN"
    assert report.measures["verify_age_s"] == 16 * 60


async def test_how_long_a_broker_gives_no_word_is_measured(desk: Any) -> None:
    await desk.order("rest", fault="drop")
    await desk.clock.advance(1)
    with pytest.raises(ActionError):
        await desk.machine.act("verify")
    assert desk.last.measures["unanswered_s"] < 1
    await desk.clock.advance(120)
    assert (await desk.machine.probe()).measures["unanswered_s"] >= 120


async def test_ten_callers_cause_one_request(desk: Any) -> None:
    asked = await desk.profiles_asked()
    await desk.clock.advance(1)
    answers = await asyncio.gather(*(desk.machine.act("verify") for _ in range(10)))
    assert answers == ["The broker accepts the access token"] * 10
    assert await desk.profiles_asked() == asked + 1


async def test_callers_one_after_another_wait_their_turn(desk: Any) -> None:
    asked = await desk.profiles_asked()
    wish = asyncio.create_task(desk.machine.act("verify"))
    await desk.clock.advance(0.99)
    assert await desk.profiles_asked() == asked
    await desk.clock.advance(0.01)
    await wish
    assert await desk.profiles_asked() == asked + 1


async def test_a_doubted_token_is_verified_at_once(desk: Any) -> None:
    await desk.order("token", do="revoke")
    await desk.clock.advance(1)
    secret = desk.credential.state.value.secret
    desk.credential.doubt(secret.generation, "handshake")
    report = await desk.until(State.EXPIRED)
    assert report.attributes["refused"]["by"] == "profile"


async def test_a_doubt_about_a_living_token_ends_in_proof(desk: Any) -> None:
    await desk.clock.advance(1)
    secret = desk.credential.state.value.secret
    desk.credential.doubt(secret.generation, "handshake")
    state = await desk.credential.state.until(lambda state: state.verdict is Verdict.ACCEPTED)
    assert state.judged_by == "profile"
    assert all(report.state is State.VALID for report in desk.bench.reports)


async def test_an_accepted_handshake_is_a_proof(open_desk: Any) -> None:
    async with open_desk() as desk:
        token = await desk.new_token()
        await desk.order("rest", fault="error", status=503)
        desk.credential.put(token)
        await desk.until(State.REQUIRED, Reason.UNVERIFIED)
        desk.credential.accept(desk.credential.state.value.secret.generation, "handshake")
        report = await desk.until(State.VALID, Reason.VERIFIED)
        assert [proof["by"] for proof in report.attributes["proofs"]] == ["handshake"]
        assert "verify_age_s" not in report.measures


async def test_a_handshake_against_a_refusal_has_the_broker_asked_again(desk: Any) -> None:
    await desk.order("rest", fault="forbidden", error_type="TokenException", times=1)
    await desk.clock.advance(1)
    await desk.machine.act("verify")
    assert desk.last.state is State.EXPIRED
    await desk.clock.advance(1)
    asked = await desk.profiles_asked()
    desk.credential.accept(desk.credential.state.value.secret.generation, "handshake")
    await desk.until(State.VALID)
    while await desk.profiles_asked() == asked:
        await asyncio.sleep(0)


async def test_after_a_restart_the_proof_is_remembered_and_asked_for_anew(desk: Any) -> None:
    await desk.order("rest", fault="drop")
    await desk.clock.advance(timedelta(minutes=2))
    report = await desk.rebuilt().probe()
    assert said(report) == VERIFIED
    assert report.measures["verify_age_s"] == 120
    assert report.attributes["broker"]["answer"] == "UNREACHABLE"


async def test_after_a_restart_a_refusal_stands_without_a_question(desk: Any) -> None:
    await desk.order("token", do="revoke")
    await desk.clock.advance(1)
    await desk.machine.act("verify")
    asked = await desk.profiles_asked()
    report = await desk.rebuilt().probe()
    assert said(report) == (State.EXPIRED, Reason.REJECTED)
    assert await desk.profiles_asked() == asked


@pytest.mark.parametrize("kept", ["", "[]", '{"generation": 1}', '{"generation": "x", "proofs": 3}', "{"])
async def test_a_store_that_cannot_be_understood_is_passed_over(desk: Any, kept: str) -> None:
    generation = desk.credential.state.value.secret.generation
    desk.bench.store.put("evidence", kept.replace('"x"', json.dumps(generation)))
    assert said(await desk.rebuilt().probe()) == VERIFIED


async def test_a_token_that_goes_away_requires_a_login(desk: Any) -> None:
    desk.credential.put(None)
    await desk.until(State.REQUIRED, Reason.MISSING)
    with pytest.raises(ActionError, match="no access token"):
        await desk.machine.act("verify")


async def test_another_users_token_is_neither_believed_nor_used(open_desk: Any) -> None:
    async with open_desk(user_id="zz9999") as desk:
        token = await desk.new_token()
        desk.credential.put(token)
        report = await desk.until(State.EXPIRED, Reason.REJECTED)
        assert report.message.startswith("The access token is another user's")
        assert desk.credential.state.value.usable is None


@pytest.mark.parametrize("broker_ahead_s", [0, 30, -30])
async def test_the_brokers_clock_is_measured(open_desk: Any, broker_ahead_s: int) -> None:
    async with open_desk(token="whatever", broker_ahead=timedelta(seconds=broker_ahead_s)) as desk:
        report = await desk.until(State.EXPIRED)
        assert -1000 <= report.measures["clock_offset_ms"] + broker_ahead_s * 1000 <= 1000


async def test_an_action_that_it_does_not_know_is_named(desk: Any) -> None:
    with pytest.raises(ActionError, match="'dance'; it knows 'verify'"):
        await desk.machine.act("dance")


# --- the login -------------------------------------------------------------------------------


async def test_the_login_address_carries_the_state_through_the_broker(open_desk: Any) -> None:
    async with open_desk() as desk:
        came_back = await desk.came_back()
        assert came_back["state"] == "state-1"
    live = Bench(name="auth")
    live.add_credential("kite")
    machine = KiteLogin(KiteLoginSettings(api_key="k3y", api_secret="s"), live)
    assert await machine.begin("a&b=c", "http://x/") == (
        "https://kite.zerodha.com/connect/login?v=3&api_key=k3y&redirect_params=state%3Da%2526b%253Dc"
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"status": "cancelled"}, "was cancelled at the broker"),
        ({"status": "success"}, "sent no request token"),
        ({"status": "success", "request_token": "a b"}, "not a request token"),
        ({"status": "success", "request_token": "a" * 10_000}, "not a request token"),
        ({"status": "success", "request_token": "abc\n"}, "not a request token"),
        ({"request_token": "Unknown123"}, "used up or too old"),
    ],
)
async def test_what_is_no_login_is_said_and_changes_nothing(desk: Any, query: dict, text: str) -> None:
    before = desk.credential.state.value
    with pytest.raises(LoginError, match=text):
        await desk.machine.complete(query)
    assert desk.credential.state.value == before


async def test_a_login_is_exchanged_once_however_often_it_comes_back(open_desk: Any) -> None:
    async with open_desk() as desk:
        came_back = await desk.came_back()
        outcomes = await asyncio.gather(
            *(desk.machine.complete(came_back) for _ in range(5)), return_exceptions=True
        )
        assert [isinstance(outcome, LoginError) for outcome in outcomes] == [False, True, True, True, True]
        with pytest.raises(LoginError, match="completed already"):
            await desk.machine.complete(came_back)
        async with desk.http.get(f"{desk.simulator.url}/sim/state") as answer:
            assert (await answer.json())["requests"]["/session/token"] == 1


@pytest.mark.parametrize(
    ("settings", "fault", "text"),
    [
        ({"api_secret": "wrong"}, None, "`api_secret` in agent.toml is not that"),
        ({"user_id": "ZZ9999"}, None, "another user's account"),
        ({"api_secret": None}, None, "`api_secret` is missing"),
        ({}, {"fault": "drop"}, "could not be reached"),
        ({}, {"fault": "error", "status": 502}, "an error of its own"),
        ({}, {"fault": "rate-limit"}, "limits the rate"),
        ({}, {"fault": "forbidden"}, "does not permit this app"),
        ({}, {"fault": "garbage", "kind": "html"}, "an error of its own"),
    ],
    ids=str,
)
async def test_a_login_that_fails_says_what_would_do(
    open_desk: Any, settings: dict, fault: dict | None, text: str
) -> None:
    async with open_desk(**settings) as desk:
        url = f"{desk.simulator.url}/connect/login?v=3&api_key=demo&approve=1"
        async with desk.http.get(url, allow_redirects=False) as redirect:
            token = redirect.headers["Location"].split("request_token=")[1].split("&")[0]
        if fault is not None:
            await desk.order("rest", **fault)
        with pytest.raises(LoginError, match=text):
            await desk.machine.complete({"request_token": token, "status": "success"})
        assert desk.credential.state.value.secret is None
        assert desk.bench.store.get("evidence") is None


async def test_a_login_begins_only_where_it_could_be_completed(open_desk: Any) -> None:
    async with open_desk(api_secret=None) as desk:
        with pytest.raises(LoginError, match="`api_secret` is missing"):
            await desk.machine.begin("s", "http://x/")


async def test_a_token_that_cannot_be_stored_is_used_and_said_to_be_lost_at_the_end(open_desk: Any) -> None:
    async with open_desk() as desk:

        async def write(value: str) -> Secret:
            desk.credential.put(value)
            raise AgentError(".env: the disk is full")

        desk.credential.write = write
        line = await desk.machine.complete(await desk.came_back())
        assert line == (
            "Logged in as AB1234. But the token could not be stored, and lasts until the agent stops: "
            ".env: the disk is full"
        )
        assert said(desk.last) == VERIFIED


async def test_a_token_that_cannot_be_kept_at_all_is_a_failed_login(open_desk: Any) -> None:
    async with open_desk() as desk:

        async def write(value: str) -> Secret:
            raise AgentError("no")

        desk.credential.write = write
        with pytest.raises(LoginError, match="could not be kept: no"):
            await desk.machine.complete(await desk.came_back())


async def test_no_secret_is_seen_in_any_report_log_or_repr(
    open_desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_desk() as desk:
        came_back = await desk.came_back()
        await desk.machine.complete(came_back)
        await desk.until_proven("profile")
        token = desk.credential.state.value.secret.value
        for fault in ({"fault": "drop"}, {"fault": "garbage"}, {"fault": "forbidden", "message": token}):
            await desk.order("rest", **fault)
            await desk.clock.advance(1)
            with pytest.raises(ActionError) as caught:
                await desk.machine.act("verify")
            assert token not in str(caught.value)
        shown = f"{desk.bench.reports!r} {desk.settings!r} {desk.bench.store.values!r} {caplog.text}"
        for secret in (token, came_back["request_token"], "demo-secret"):
            assert secret not in shown


async def test_a_morning_from_the_rollover_to_the_login(open_desk: Any) -> None:
    evening = ManualClock()
    async with open_desk(clock=evening) as desk:
        await desk.machine.complete(await desk.came_back())
        await desk.until_proven("profile")
        rollover = desk.settings.rollover.plan.next(evening.now())
        desk.clock.step_wall(rollover - evening.now() - timedelta(seconds=1))
        await desk.clock.advance(1)
        assert said(await desk.machine.probe()) == (State.EXPIRED, Reason.ROLLOVER)
        await desk.until(State.EXPIRED, Reason.ROLLOVER)
        await desk.clock.advance(timedelta(hours=3, minutes=5))
        await desk.machine.complete(await desk.came_back())
        assert said(desk.last) == VERIFIED
        states = [report.state for report in desk.bench.reports]
        changes = [after for before, after in itertools.pairwise(states) if before != after]
        assert changes == [State.VALID, State.EXPIRED, State.VALID]


async def test_the_machine_works_by_its_probes_alone(open_desk: Any) -> None:
    async with open_desk(run=False) as desk:
        assert (await desk.machine.probe()).state is State.REQUIRED
        desk.credential.put(await desk.new_token())
        assert said(await desk.machine.probe()) == VERIFIED
        async with running(desk.machine):
            await desk.until(State.VALID)
