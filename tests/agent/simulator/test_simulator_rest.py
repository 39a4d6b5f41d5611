"""The real `KiteConnect` against the simulator, and what it raises when it is refused."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect, exceptions

from agent.simulator import Simulator
from tests.agent.simulator.conftest import TUESDAY_AT_TEN, Desk, Hands, OpenDesk


@contextmanager
def kite(desk: Desk, token: str | None = None, **options: Any) -> Iterator[KiteConnect]:
    client = KiteConnect("demo", access_token=token, root=desk.simulator.url, timeout=2, **options)
    try:
        yield client
    finally:
        client.reqsession.close()


async def test_a_login_gives_a_session_that_opens_everything(desk: Desk) -> None:
    with kite(desk) as client:
        session = await asyncio.to_thread(client.generate_session, await desk.approve(), "demo-secret")
        assert session["user_id"] == "AB1234"
        assert session["login_time"] == datetime(2026, 11, 24, 10, 0)
        assert len(session["access_token"]) == 32
        assert session["access_token"].isalnum()
        profile = await asyncio.to_thread(client.profile)
        assert profile["user_id"] == "AB1234"
        margins = await asyncio.to_thread(client.margins)
        assert margins["equity"] == await asyncio.to_thread(client.margins, "equity")
        assert margins["commodity"]["net"] == margins["commodity"]["available"]["cash"] > 0


async def test_quotes_come_in_three_sizes_and_agree(desk: Desk) -> None:
    names = ["NSE:INFY", "NSE:NIFTY 50", "CDS:USDINR26DECFUT", "NSE:NOSUCH"]
    with kite(desk, await desk.login()) as client:
        whole = await asyncio.to_thread(client.quote, names)
        ohlc = await asyncio.to_thread(client.ohlc, names)
        last = await asyncio.to_thread(client.ltp, names)
        by_token = await asyncio.to_thread(client.ltp, "408065")
    assert list(whole) == list(ohlc) == list(last) == names[:3]
    for name in names[:3]:
        assert last[name]["last_price"] == ohlc[name]["last_price"] == whole[name]["last_price"]
        assert ohlc[name]["ohlc"] == whole[name]["ohlc"]
    assert by_token["408065"] == last["NSE:INFY"]
    assert whole["NSE:INFY"]["timestamp"] == datetime(2026, 11, 24, 10, 0)
    assert len(whole["NSE:INFY"]["depth"]["buy"]) == 5
    assert "depth" not in whole["NSE:NIFTY 50"]
    assert 80 < last["CDS:USDINR26DECFUT"]["last_price"] < 90


async def test_a_quote_in_the_evening_is_that_of_the_close(desk: Desk) -> None:
    desk.clock.advance(hours=9)
    with kite(desk, await desk.login()) as client:
        whole = await asyncio.to_thread(client.quote, "NSE:INFY")
    assert whole["NSE:INFY"]["timestamp"] == datetime(2026, 11, 24, 15, 30)


async def test_the_instruments_need_no_token(desk: Desk) -> None:
    with kite(desk) as client:
        everything = await asyncio.to_thread(client.instruments)
        futures = await asyncio.to_thread(client.instruments, "NFO")
    tokens = {
        line["tradingsymbol"]: line["instrument_token"] for line in everything if line["exchange"] == "NSE"
    }
    assert tokens["RELIANCE"] == 738561
    assert tokens["NIFTY 50"] == 256265
    assert [line["expiry"].isoformat() for line in futures] == ["2026-12-29"]


async def refusal(call: Any, *arguments: Any) -> Exception:
    with pytest.raises(exceptions.KiteException) as caught:
        await asyncio.to_thread(call, *arguments)
    return caught.value


async def test_a_request_token_works_once(desk: Desk) -> None:
    with kite(desk) as client:
        token = await desk.approve()
        await asyncio.to_thread(client.generate_session, token, "demo-secret")
        error = await refusal(client.generate_session, token, "demo-secret")
    assert isinstance(error, exceptions.TokenException)
    assert (error.code, str(error)) == (403, "Token is invalid or has expired.")


async def test_a_request_token_works_for_five_minutes(desk: Desk) -> None:
    in_time, too_late = await desk.approve(), await desk.approve()
    with kite(desk) as client:
        desk.clock.advance(seconds=299)
        await asyncio.to_thread(client.generate_session, in_time, "demo-secret")
        desk.clock.advance(seconds=1)
        error = await refusal(client.generate_session, too_late, "demo-secret")
    assert isinstance(error, exceptions.TokenException)


async def test_a_wrong_secret_is_an_invalid_checksum_and_spends_nothing(desk: Desk) -> None:
    token = await desk.approve()
    with kite(desk) as client:
        error = await refusal(client.generate_session, token, "another-secret")
        assert isinstance(error, exceptions.TokenException)
        assert (error.code, str(error)) == (403, "Invalid `checksum`.")
        await asyncio.to_thread(client.generate_session, token, "demo-secret")


async def test_a_session_needs_all_its_fields(desk: Desk) -> None:
    async with desk.http.post(f"{desk.simulator.url}/session/token", data={"api_key": "demo"}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error_type"] == "InputException"


async def test_a_wrong_key_an_unknown_segment_and_a_quote_of_nothing_are_input_errors(desk: Desk) -> None:
    with kite(desk, await desk.login()) as client:
        for call, argument in (
            (client.margins, "cattle"),
            (client.quote, []),
            (client.ltp, ["NSE:INFY"] * 501),
        ):
            error = await refusal(call, argument)
            assert (type(error), error.code) == (exceptions.InputException, 400)
        client.api_key = "other"
        error = await refusal(client.generate_session, await desk.approve(), "demo-secret")
        assert (type(error), str(error)) == (exceptions.InputException, "Invalid `api_key`.")


async def test_a_slow_answer_comes_in_the_end(desk: Desk) -> None:
    await desk.order("rest", {"fault": "slow", "seconds": 0.05})
    assert await desk.profile_status(await desk.login()) == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", "token", "token demo", "token demo:", "token :abc", "Bearer demo:abc", "token\tdemo:abc"],
)
async def test_missing_or_malformed_credentials_are_an_input_error(
    desk: Desk, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization is not None else {}
    async with desk.http.get(f"{desk.simulator.url}/user/profile", headers=headers) as answer:
        assert answer.status == 400
        assert await answer.json() == {
            "status": "error",
            "message": "Invalid `api_key` or `access_token`.",
            "data": None,
            "error_type": "InputException",
        }


async def test_a_wrong_token_is_a_token_error_and_rings_the_clients_hook(desk: Desk) -> None:
    rung: list[str] = []
    with kite(desk, "x" * 32) as client:
        client.set_session_expiry_hook(lambda: rung.append("expired"))
        error = await refusal(client.profile)
    assert isinstance(error, exceptions.TokenException)
    assert (error.code, str(error)) == (403, "Incorrect `api_key` or `access_token`.")
    assert rung == ["expired"]


async def test_a_logout_ends_that_token_alone(desk: Desk) -> None:
    one, other = await desk.login(), await desk.login()
    with kite(desk, one) as client:
        assert await asyncio.to_thread(client.invalidate_access_token) is True
        assert isinstance(await refusal(client.profile), exceptions.TokenException)
        assert isinstance(await refusal(client.invalidate_access_token), exceptions.TokenException)
    assert await desk.profile_status(other) == 200


async def test_an_unknown_route_a_wrong_method_and_a_huge_body_are_refused_in_the_brokers_words(
    desk: Desk,
) -> None:
    url = desk.simulator.url
    async with desk.http.get(f"{url}/orders/none") as answer:
        assert answer.status == 404
        assert (await answer.json())["message"] == "Route not found"
    async with desk.http.put(f"{url}/user/profile") as answer:
        assert answer.status == 405
        assert (await answer.json())["error_type"] == "GeneralException"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with desk.http.post(
        f"{url}/session/token", data=io.BytesIO(b"x" * 2_000_000), headers=form
    ) as answer:
        assert answer.status == 413
        assert (await answer.json())["status"] == "error"
    async with desk.http.get(f"{url}/") as answer:
        assert answer.status == 404


async def test_a_token_dies_at_six_in_india_and_not_before(desk: Desk) -> None:
    token = await desk.login()
    desk.clock.at = datetime.fromisoformat("2026-11-25T05:59:59+05:30")
    assert await desk.profile_status(token) == 200
    desk.clock.advance(seconds=1)
    assert await desk.profile_status(token) == 403


async def test_a_restarted_simulator_honours_the_token_it_gave_out(open_desk: OpenDesk) -> None:
    async with open_desk() as first:
        token = await first.login()
    async with open_desk(now=Hands(TUESDAY_AT_TEN.replace(hour=3))) as second:
        assert await second.profile_status(token) == 200
    async with open_desk(api_secret="another") as stranger:
        assert await stranger.profile_status(token) == 403


@pytest.mark.parametrize("ending", ["revoke", "expire"])
async def test_an_order_ends_all_tokens_and_a_login_begins_anew(desk: Desk, ending: str) -> None:
    old = await desk.login()
    await desk.order("token", {"do": ending})
    assert await desk.profile_status(old) == 403
    assert (await desk.state())["sessions"]["last_ending"] == ending
    new = await desk.login()
    assert await desk.profile_status(new) == 200
    assert await desk.profile_status(old) == 403


@pytest.mark.parametrize(("single", "former"), [(True, 403), (False, 200)])
async def test_a_login_ends_the_former_session_where_one_is_allowed(
    open_desk: OpenDesk, single: bool, former: int
) -> None:
    async with open_desk(single_session=single) as desk:
        one, other = await desk.login(), await desk.login()
        assert await desk.profile_status(one) == former
        assert await desk.profile_status(other) == 200


async def test_the_date_is_by_the_brokers_clock(desk: Desk) -> None:
    async with desk.http.get(f"{desk.simulator.url}/instruments") as answer:
        assert parsedate_to_datetime(answer.headers["Date"]) == TUESDAY_AT_TEN


async def test_by_itself_it_starts_its_clock_where_told() -> None:
    async with Simulator(start_at=TUESDAY_AT_TEN) as simulator:
        answer = await asyncio.to_thread(requests.get, f"{simulator.url}/sim/state", timeout=2)
        elapsed = datetime.fromisoformat(answer.json()["clock"]) - TUESDAY_AT_TEN
        assert 0 <= elapsed.total_seconds() < 5


FAULTS = [
    pytest.param({"fault": "error"}, exceptions.GeneralException, 500, id="error"),
    pytest.param(
        {"fault": "error", "status": 503, "error_type": "NetworkException"},
        exceptions.NetworkException,
        503,
        id="error of the order system",
    ),
    pytest.param({"fault": "rate-limit"}, exceptions.NetworkException, 429, id="rate limit"),
    pytest.param({"fault": "forbidden"}, exceptions.PermissionException, 403, id="forbidden"),
    pytest.param({"fault": "garbage"}, exceptions.DataException, 502, id="garbage"),
    pytest.param({"fault": "garbage", "kind": "json"}, exceptions.DataException, 502, id="half a JSON"),
    pytest.param({"fault": "garbage", "kind": "empty"}, exceptions.DataException, 502, id="nothing"),
]


@pytest.mark.parametrize(("fault", "error_class", "code"), FAULTS)
async def test_a_rest_fault_reaches_the_client_as_documented(
    desk: Desk, fault: dict[str, Any], error_class: type[exceptions.KiteException], code: int
) -> None:
    with kite(desk, await desk.login()) as client:
        await desk.order("rest", fault)
        error = await refusal(client.profile)
        assert type(error) is error_class
        assert error.code == code
        await desk.order("rest", {"fault": None})
        await asyncio.to_thread(client.profile)


async def test_a_dropped_request_is_a_network_error(desk: Desk) -> None:
    with kite(desk, await desk.login()) as client:
        await desk.order("rest", {"fault": "drop"})
        with pytest.raises(requests.ConnectionError):
            await asyncio.to_thread(client.profile)


async def test_a_slow_answer_comes_as_soon_as_the_fault_is_lifted(desk: Desk) -> None:
    token = await desk.login()
    await desk.order("rest", {"fault": "slow", "seconds": 60})
    waiting = asyncio.create_task(desk.profile_status(token))
    while (await desk.state())["requests"].get("/user/profile") != 1:
        await asyncio.sleep(0)
    assert not waiting.done()
    await desk.order("rest", {"fault": None})
    assert await waiting == 200


async def test_a_fault_may_hit_one_path_and_so_many_times(desk: Desk) -> None:
    token = await desk.login()
    await desk.order("rest", {"fault": "error", "path": "/user/profile", "times": 2})
    async with desk.http.get(f"{desk.simulator.url}/instruments") as answer:
        assert answer.status == 200
    assert [await desk.profile_status(token) for _ in range(3)] == [500, 500, 200]
    assert (await desk.state())["faults"]["rest"] is None


async def test_a_broken_rest_leaves_login_page_control_and_stream_alone(desk: Desk) -> None:
    token = await desk.login()
    await desk.order("rest", {"fault": "drop"})
    assert len(await desk.approve()) == 32
    async with desk.stream(token):
        assert len((await desk.state())["connections"]) == 1
