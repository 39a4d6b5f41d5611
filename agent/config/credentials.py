"""`[credentials.NAME]`: where a secret lives, one table for each kind of place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from agent.settings import Settings

PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]
"""A path; a relative one counts from the folder of `agent.toml`."""

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$")]
"""As an environment variable, or a key of a `.env` file, may be called."""


class EnvFileSettings(Settings):
    """One key of a `.env` file; its other lines are left as they are."""

    source: Literal["env-file"]
    path: PathText = ".env"
    key: VariableName = "ZERODHA_ACCESS_TOKEN"


class FileSettings(Settings):
    """A file that holds the secret and nothing else."""

    source: Literal["file"]
    path: PathText


class JsonSettings(Settings):
    """One member of a JSON file, found by its dotted name, as in `kite.access_token`."""

    source: Literal["json"]
    path: PathText
    key: Annotated[str, StringConstraints(pattern=r"^[^.\x00-\x1f]+(\.[^.\x00-\x1f]+)*$")]


class EnvironmentSettings(Settings):
    """An environment variable: read once, never written."""

    source: Literal["environment"]
    variable: VariableName


class SystemdSettings(Settings):
    """A credential that systemd hands over (`LoadCredential=`): read, never written.

    https://systemd.io/CREDENTIALS/
    """

    source: Literal["systemd"]
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,127}$")]


CredentialSettings = Annotated[
    EnvFileSettings | FileSettings | JsonSettings | EnvironmentSettings | SystemdSettings,
    Field(discriminator="source"),
]
"""Any one of them; `source` tells which."""
