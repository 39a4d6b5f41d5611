"""What the client costs a process that imports it."""

from __future__ import annotations

import json
import subprocess
import sys


def test_the_client_imports_the_standard_library_and_itself_only() -> None:
    script = "import agent.client, json, sys; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = {name for name in json.loads(answer.stdout) if not name.startswith("_")}
    ours = {name for name in loaded if name.partition(".")[0] == "agent"}
    assert all(name == "agent" or name.startswith("agent.client") for name in ours)
    strangers = {"pydantic", "aiohttp", "twisted", "kiteconnect", "apscheduler", "pluggy", "click"}
    assert not strangers & {name.partition(".")[0] for name in loaded}
