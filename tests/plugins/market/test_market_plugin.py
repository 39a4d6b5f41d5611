"""The plugin registers lightly; what it does not need it does not import."""

import subprocess
import sys

import pytest

import plugins.market
from agent.api import ConfigError
from plugins.market import foreign
from plugins.market.settings import MarketSettings


def test_it_offers_one_machine_and_one_command():
    machines, commands = {}, []
    plugins.market.openbell_state_machines(
        lambda kind, factory, **offered: machines.update({kind: (factory, offered)})
    )
    plugins.market.openbell_commands(commands.append)
    _, offered = machines["market"]
    assert offered["settings"] is MarketSettings
    assert set(offered["states"]) == {"PRE_OPEN", "LIVE", "CLOSED"}
    assert set(offered["reasons"]) == {
        "SESSION",
        "SPECIAL_SESSION",
        "WEEKEND",
        "HOLIDAY",
        "AFTER_HOURS",
        "BEFORE_HOURS",
        "BREAK",
    }
    assert [command.name for command in commands] == ["market"]


LOADED = """
import sys
import plugins.market
from agent.api import hookimpl
plugins.market.openbell_commands(lambda command: None)
from plugins.market.library import load_calendar
load_calendar("MCX")
print([name for name in ("pandas", "numpy", "exchange_calendars") if name in sys.modules])
"""


def test_a_calendar_of_ours_imports_no_library_of_others():
    told = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_without_the_extra_another_segment_says_what_to_install(monkeypatch):
    monkeypatch.setattr(foreign, "PACKAGE", "no_such_library")
    with pytest.raises(ConfigError) as caught:
        foreign.check_foreign("NSE_EK", ("MCX", "NSE_EQ"))
    assert str(caught.value) == (
        'segment "NSE_EK" is none of ours (MCX, NSE_EQ); did you mean "NSE_EQ"? '
        'For other exchanges install the extra: pip install "openbell[calendars]"'
    )


def test_a_segment_that_nobody_knows_is_refused_with_a_suggestion():
    pytest.importorskip("exchange_calendars")
    with pytest.raises(ConfigError, match=r"NSE_EQQ.* nor to exchange-calendars; did you mean .NSE_EQ."):
        foreign.load_foreign("NSE_EQQ", ("NSE_EQ",))
