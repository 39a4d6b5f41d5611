"""Templates: an operator's own words, which can break nothing but themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.testing import ManualClock
from plugins.notifiers import apprise, slack
from plugins.notifiers.apprise.settings import AppriseSettings
from plugins.notifiers.email.message import message as email_message
from plugins.notifiers.email.settings import EmailSettings
from plugins.notifiers.phrasing import Phrasing
from plugins.notifiers.slack.settings import SlackSettings
from plugins.notifiers.templates.rendering import LARGEST, Template, TemplateError, render
from plugins.notifiers.templates.variables import KNOWN, variables
from plugins.notifiers.wording import Wording, word

ROOT = Path(__file__).parents[3]
BASE = "http://127.0.0.1:8000"


def mail(**templates: str) -> EmailSettings:
    values = {"host": "smtp.example.com", "sender": "a@example.com", "recipients": ["b@example.com"]}
    return EmailSettings.model_validate({**values, **templates})


async def said(notice, **templates: str) -> Wording:
    return await Phrasing(mail(**templates), ManualClock(), BASE, {}).word(notice)


async def test_a_template_takes_the_place_of_the_built_in_words(notice_of, recovery_of) -> None:
    templates = {
        "title_template": "[{{ agent }}] {{ code }} since {{ since_local }}",
        "template": (
            "{{ message }}\n"
            "{% if lasted %}\nIt lasted {{ lasted }}.\n{% endif %}\n"
            "{% for machine in machines %}\n"
            "{{ machine.name|upper }}: {{ machine.state }}\n"
            "{% endfor %}\n"
        ),
    }
    problem = await said(notice_of(), **templates)
    assert problem.title == "[my-desk] AUTH_REQUIRED since 06:00 IST"
    assert problem.body == "Kite login needed\nAUTH: REQUIRED\nFEED: DISCONNECTED"
    assert problem.link is not None
    assert problem.remark is None
    assert "It lasted 2h 45m." in (await said(recovery_of(), **templates)).body


async def test_all_that_the_documentation_lists_is_there_and_no_more(notice_of) -> None:
    notice = notice_of()
    names = set(variables(notice, word(notice, zone="UTC", base_url=BASE), zone="UTC", base_url=BASE))
    assert names == KNOWN
    page = (ROOT / "plugins/notifiers/templates/README.md").read_text()
    assert {name for name in KNOWN if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        pytest.param("a\n{{ code }", "line 2: unexpected '}'", id="not closed"),
        pytest.param("{% if code %}", "line 1: Unexpected end of template", id="no end"),
        pytest.param("{{ code|shout }}", "line 1: No filter named 'shout'", id="no such filter"),
        pytest.param("{{ mesage }}", "there is no variable mesage; did you mean message?", id="misspelt"),
        pytest.param("{{ zzzz }}", "there is no variable zzzz; there are: action, ", id="no such variable"),
        pytest.param("", "at least 1", id="empty"),
        pytest.param("x" * 10_001, "at most 10000", id="huge"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_the_file_is_read(template: str, fault: str) -> None:
    for name in ("template", "title_template", "html_template"):
        with pytest.raises(ValidationError, match=re.escape(fault)) as caught:
            mail(**{name: template})
        assert caught.value.errors()[0]["loc"] == (name,)


def test_a_template_that_computes_without_end_is_refused_too() -> None:
    with pytest.raises(ValidationError, match="it computes for more than a second"):
        mail(template="{{ 10**(10**9) }}")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        pytest.param("{{ incident.nothing }}", "line 1: 'dict object' has no attribute", id="not there"),
        pytest.param("\n{{ duration_s + 1 }}", "line 2: unsupported operand", id="a fault at work"),
        pytest.param("{{ 1 / 0 }}", "division by zero", id="division"),
        pytest.param("{{ 'a' * 10**9 }}", "", id="memory"),
        pytest.param("{{ 10**(10**9 + code|length) }}", "more than a second", id="a number without end"),
        pytest.param("{{ '%1000000000d'|format(1) }}", "", id="a format as wide as the memory"),
        pytest.param("{% for i in range(10**9) %}x{% endfor %}", "too big", id="a long range"),
        pytest.param(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "more than a second",
            id="loops",
        ),
        pytest.param(
            "{% set n = namespace(x='a') %}"
            "{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
            "",
            id="doubling",
        ),
        pytest.param(
            "{% for i in range(99999) %}xxxxx{% endfor %}", "more than 20000 signs", id="a long text"
        ),
        pytest.param("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion", id="recursion"),
        pytest.param("{{ ''.__class__.__mro__ }}", "unsafe", id="a way out by attributes"),
        pytest.param("{{ code.__init__.__globals__ }}", "unsafe", id="a way out by globals"),
        pytest.param("{{ '{0.__class__}'['format'](code) }}", "unsafe", id="a way out by format"),
        pytest.param("{% include '/etc/passwd' %}", "no loader", id="a file"),
        pytest.param("{{ machines.append(1) }}", "is unsafe", id="a change"),
    ],
)
async def test_whatever_a_template_does_the_notice_is_told_in_the_built_in_words_and_says_so(
    notice_of, template: str, fault: str
) -> None:
    wording = await said(notice_of(), template=template)
    built_in = word(notice_of(), zone="Asia/Kolkata", base_url=BASE)
    assert (wording.title, wording.body, wording.facts) == (built_in.title, None, built_in.facts)
    assert wording.remark is not None
    assert wording.remark.startswith("told in the built-in words, because the template failed: ")
    assert fault in wording.remark


async def test_a_template_that_leads_nowhere_shows_nothing_of_the_agent(
    notice_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KITE_API_SECRET", "canary-7f3a9e")
    script = "import os, json; print(json.dumps({'it': {'text': str(dict(os.environ))}}))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, env={}, check=True, text=True
    )
    assert "canary" not in run.stdout
    assert "canary-7f3a9e" in os.environ["KITE_API_SECRET"]
    with pytest.raises(TemplateError):
        await render({"it": Template("{{ x.__globals__ }}")}, {"x": "1"}, ManualClock())


async def test_an_answer_without_end_is_not_read_to_its_end(notice_of) -> None:
    texts = {str(number): Template("x" * 19_000) for number in range(20)}
    assert LARGEST < 20 * 19_000
    with pytest.raises(TemplateError, match="no end"):
        await render(texts, {}, ManualClock())


async def test_an_empty_result_takes_nobodys_place(notice_of) -> None:
    wording = await said(notice_of(), title_template="{# nothing #}", template="\n \n")
    built_in = word(notice_of(), zone="Asia/Kolkata", base_url=BASE)
    assert (wording.title, wording.body) == (built_in.title, None)


async def test_for_slack_a_value_is_shown_literally_and_the_templates_own_marks_work(
    receiver, context, notice_of
) -> None:
    settings = SlackSettings.model_validate(
        {
            "webhook_url": receiver.url + "/x",
            "allow_private": True,
            "template": "*{{ code }}* <https://wiki.example/{{ code|lower }}|what to do> {{ message }}",
        }
    )
    receipt = await slack(settings, context).send(notice_of(message="<!channel> @here & more"))
    assert receipt.remark is None
    heading, body, button, reference = receiver.requests[0].json["blocks"]
    assert heading["text"]["text"].startswith(":red_circle: *AUTH_REQUIRED")
    assert body["text"]["text"] == (
        "*AUTH_REQUIRED* <https://wiki.example/auth_required|what to do> "
        "&lt;!channel&gt; @\u2060here &amp; more"
    )
    assert (button["type"], reference["type"]) == ("actions", "context")


async def test_for_html_a_value_is_shown_literally_and_what_is_safe_is_not_the_templates_to_say(
    notice_of,
) -> None:
    notice = notice_of(message="<script>alert('x')</script>")
    wording = await said(notice, html_template="<b>{{ message|safe }}</b>", template="{{ message }}")
    mail_ = email_message(notice, wording, sender="a@example.com", recipient="b@example.com")
    parsed = message_from_bytes(mail_.as_bytes(), policy=policy.default)
    html = parsed.get_body(("html",)).get_content()
    assert "<b>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;</b>" in html
    assert "<script>" not in html
    text = parsed.get_body(("plain",)).get_content()
    assert text.splitlines()[2] == "<script>alert('x')</script>"
    assert "Log in to Kite: http://127.0.0.1:8000/api/auth/login" in text

    plain = await said(notice, template="{{ message }}\n<i>")
    html = email_message(notice, plain, sender="a@example.com", recipient="b@example.com").as_string()
    assert "&lt;script&gt;" in html
    assert "&lt;i&gt;" in html


async def test_a_title_stays_one_line_that_fits(notice_of) -> None:
    wording = await said(notice_of(), title_template="a\r\nBcc: x@example.com\n{{ 'b' * 500 }}")
    assert wording.title.startswith("a Bcc: x@example.com bbb")
    assert len(wording.title) == 200


async def test_through_apprise_the_words_are_the_operators_too(receiver, context, notice_of) -> None:
    url = f"json://127.0.0.1:{receiver.port}"
    settings = AppriseSettings.model_validate({"urls": {"desk": url}, "template": "{{ code }} @all"})
    assert (await apprise(settings, context).send_to("desk", notice_of())).remark is None
    assert receiver.requests[0].json["message"].startswith("AUTH_REQUIRED @\u2060all\n\nLog in to Kite")


async def test_a_receipt_carries_the_remark(receiver, context, notice_of) -> None:
    settings = SlackSettings.model_validate(
        {"webhook_url": receiver.url + "/x", "allow_private": True, "template": "{{ incident.no }}"}
    )
    receipt = await slack(settings, context).send(notice_of())
    assert receipt.status == "ok"
    assert "because the template failed: line 1" in receipt.remark
    assert "Kite login needed" in json.dumps(receiver.requests[0].json)


def test_a_fault_in_the_file_is_named_by_its_line_and_a_missing_extra_by_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    desk = (ROOT / "agent.toml").read_text()
    line = len(desk.splitlines()) + 5

    def check(template: str, before: str = "") -> str:
        notifier = '[notifiers.ours]\nkind = "slack"\nwebhook_url = "https://hooks.slack.com/services/x"\n'
        file.write_text(f"{desk}\n{notifier}template = '''{template}'''\n")
        script = (
            f"import sys; {before}\nfrom agent.cli import main\n"
            f"sys.argv = ['openbell', 'check', '-c', {str(file)!r}]\nmain()\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
        )
        return run.stderr if run.returncode else ""

    assert check("{{ code }}") == ""
    said_ = check("{% for x in y %}")
    assert f"agent.toml:{line}: notifiers.ours.template" in said_
    assert "the template cannot be used: line 1: Unexpected end of template" in said_
    missing = check("{{ code }}", "sys.modules['jinja2'] = None")
    assert 'jinja2 is not installed; run: pip install "openbell[templates]"' in missing
