"""Apprise, through the real library and real sockets."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.api import DeliveryError, NoticeReason, Severity
from plugins.notifiers import apprise
from plugins.notifiers.apprise.settings import AppriseSettings

CANARY = "canary-7f3a9e"
ROOT = Path(__file__).parents[3]


def settings(**urls: str) -> AppriseSettings:
    return AppriseSettings.model_validate({"urls": urls})


def at(receiver, schema: str = "json", path: str = "/hook") -> str:
    return f"{schema}://127.0.0.1:{receiver.port}{path}"


async def test_a_notice_is_told_with_its_title_its_text_and_apprises_own_kind(
    receiver, context, notice_of, recovery_of
) -> None:
    notifier = apprise(settings(desk=at(receiver)), context)
    receipt = await notifier.send_to("desk", notice_of())
    assert receipt.status == "taken by desk"
    await notifier.send_to("desk", notice_of(severity=Severity.WARNING))
    await notifier.send_to("desk", recovery_of())
    await notifier.send_to("desk", recovery_of(reason=NoticeReason.UNWATCHED))
    first, *others = (request.json for request in receiver.requests)
    assert first["title"] == "AUTH_REQUIRED (critical): Kite login needed, since 06:00 IST"
    assert "Log in to Kite: http://127.0.0.1:8000/api/auth/login" in first["message"]
    assert first["message"].endswith("Notice 90abcdef")
    assert [one["type"] for one in (first, *others)] == ["failure", "warning", "success", "warning"]


@pytest.mark.parametrize(
    ("schema", "path", "shown"),
    [
        pytest.param("form", "/hook", "title=AUTH_REQUIRED", id="a form"),
        pytest.param("xml", "/hook", "<Subject>AUTH_REQUIRED (critical)", id="xml"),
        pytest.param("ntfy", "/desk", '"topic": "desk"', id="ntfy"),
        pytest.param("gotify", "/AbCdEfGhIjKlMnO", '"priority": 5', id="gotify"),
        pytest.param("mmost", "/abcdefghijklmnop", '"username": "openbell"', id="mattermost"),
    ],
)
async def test_other_services_are_told_in_their_own_ways(
    receiver, context, notice_of, schema: str, path: str, shown: str
) -> None:
    receiver.replies = [receiver.answer(body=b"{}")]
    await apprise(settings(desk=at(receiver, schema, path)), context).send_to("desk", notice_of())
    assert shown in receiver.requests[0].body.decode()


async def test_nobody_is_mentioned_by_what_a_machine_says(receiver, context, notice_of) -> None:
    notifier = apprise(settings(desk=at(receiver)), context)
    await notifier.send_to("desk", notice_of(message="@everyone <@U1> look"))
    said = receiver.requests[0].json
    assert "@everyone" not in said["title"] + said["message"]
    assert "@U1" not in said["title"] + said["message"]


@pytest.mark.parametrize(
    ("status", "permanent", "needs_person"),
    [
        pytest.param("400 Bad Request", True, False, id="never"),
        pytest.param("401 Unauthorized", False, True, id="when somebody has set it right"),
        pytest.param("429 Too Many Requests", False, False, id="later"),
        pytest.param("503 Service Unavailable", False, False, id="soon"),
        pytest.param("302 Found", False, False, id="not followed"),
    ],
)
async def test_what_apprise_lets_be_known_of_a_failure_decides_when_it_is_tried_again(
    receiver, context, notice_of, status: str, permanent: bool, needs_person: bool
) -> None:
    receiver.replies = [receiver.answer(status, Location="http://127.0.0.1:1/")]
    with pytest.raises(DeliveryError, match=f"desk answered {status[:3]}") as caught:
        await apprise(settings(desk=at(receiver)), context).send_to("desk", notice_of())
    assert (caught.value.permanent, caught.value.needs_person) == (permanent, needs_person)
    assert len(receiver.requests) == 1


async def test_a_service_that_is_not_there_is_tried_again(context, notice_of) -> None:
    with pytest.raises(DeliveryError, match="no connection to desk") as caught:
        await apprise(settings(desk="json://127.0.0.1:1/x"), context).send_to("desk", notice_of())
    assert not caught.value.permanent


async def test_each_receiver_has_a_letter_and_is_named_by_its_operators_word(
    receiver, context, notice_of
) -> None:
    notifier = apprise(settings(desk=at(receiver), duty=at(receiver, path="/duty")), context)
    assert notifier.recipients == ("desk", "duty")
    assert (await notifier.send(notice_of())).status == "taken by desk, duty"
    assert [request.path for request in receiver.requests] == ["/hook", "/duty"]


async def test_a_service_that_blocks_holds_up_a_thread_and_not_the_loop(receiver, context, notice_of) -> None:
    receiver.replies = [receiver.hang]
    sending = asyncio.ensure_future(
        apprise(settings(desk=at(receiver) + "?rto=30"), context).send_to("desk", notice_of())
    )
    async with asyncio.timeout(30):
        await receiver.got_request.wait()
    assert not sending.done()
    receiver.release()
    with pytest.raises(DeliveryError):
        await sending


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        pytest.param(f"nonsense://{CANARY}", "cannot read this address", id="no such service"),
        pytest.param(CANARY, "cannot read this address", id="no address"),
        pytest.param(f"tgram://{CANARY}/1", "cannot read this address", id="a token of another shape"),
        pytest.param(f"rocket://me:{CANARY}@host/#one/#two", "makes 2 messages", id="two targets"),
        pytest.param(f"json://host/{CANARY}?retry=3", "makes 4 messages", id="its own retries"),
        pytest.param(f"syslog://{CANARY}", "the agent's own machine", id="nobody is told"),
    ],
)
def test_an_address_that_would_not_do_is_refused_and_not_shown(
    url: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValidationError, match=fault) as caught:
        settings(desk=url)
    assert caught.value.errors()[0]["loc"] == ("urls", "desk")
    assert CANARY not in str(caught.value) + caplog.text


@pytest.mark.parametrize("urls", [{}, {"Desk": "json://host"}, {"a b": "json://host"}])
def test_receivers_have_plain_names(urls: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**urls)


async def test_no_failure_shows_an_address_nor_does_the_log(
    receiver, context, notice_of, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    for reply in (receiver.answer("500 " + CANARY, CANARY.encode()), b"garbage", b""):
        receiver.replies = [reply]
        url = f"json://me:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}?-token={CANARY}"
        notifier = apprise(settings(desk=url), context)
        with pytest.raises(DeliveryError) as caught:
            await notifier.send_to("desk", notice_of())
        shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(notifier)]
    assert CANARY in receiver.requests[0].path
    shown.append(repr(settings(desk=f"json://host/{CANARY}")))
    assert CANARY not in "\n".join([*shown, caplog.text])


async def test_what_others_log_meanwhile_is_left_alone(
    receiver, context, notice_of, caplog: pytest.LogCaptureFixture
) -> None:
    await apprise(settings(desk=at(receiver)), context).send_to("desk", notice_of())
    logging.getLogger("urllib3.connectionpool").warning("of somebody else")
    assert "of somebody else" in caplog.text


def test_a_missing_extra_is_a_complaint_with_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    desk = (ROOT / "agent.toml").read_text()
    file.write_text(f'{desk}\n[notifiers.phones]\nkind = "apprise"\nurls.duty = "ntfys://{CANARY}"\n')
    script = (
        "import sys; sys.modules['apprise'] = None\n"
        "from agent.cli import main\n"
        f"sys.argv = ['openbell', 'check', '-c', {str(file)!r}]\n"
        "main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    line = len(desk.splitlines()) + 4
    assert run.returncode == 2
    assert f"agent.toml:{line}: notifiers.phones.urls.duty" in run.stderr
    assert 'apprise is not installed; run: pip install "openbell[apprise]"' in run.stderr
    assert CANARY not in run.stderr + run.stdout
