"""What the campaign has done, a line each; the long form shows them at its end."""

from __future__ import annotations

FIGURES: list[str] = []
