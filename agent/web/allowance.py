"""So many in a minute and no more: a steady allowance for each of many keys. Pure."""

from __future__ import annotations

LIMIT = 10_000


class Allowance:
    """Grants `burst` at once and `a_minute` in the long run, to each key by itself.

    Of a key only the instant is kept at which it will have its whole burst back (the generic
    cell rate algorithm), and nothing of one that has.
    """

    def __init__(self, *, burst: int, a_minute: float) -> None:
        self._each_s = 60.0 / a_minute
        self._burst_s = burst * self._each_s
        self._whole_at: dict[str, float] = {}

    def wait(self, key: str, now: float) -> float:
        """The seconds until this key is granted one; 0 when it is now."""
        return max(0.0, self._whole_at.get(key, now) + self._each_s - self._burst_s - now)

    def take(self, key: str, now: float) -> float:
        """Take one, if it is granted; returns the seconds to wait if not, and 0 if so."""
        wait = self.wait(key, now)
        if wait == 0.0:
            self._whole_at[key] = max(self._whole_at.pop(key, now), now) + self._each_s
            self._forget(now)
        return wait

    def _forget(self, now: float) -> None:
        if len(self._whole_at) > LIMIT:
            self._whole_at = {key: at for key, at in self._whole_at.items() if at > now}
        while len(self._whole_at) > LIMIT:
            self._whole_at.pop(next(iter(self._whole_at)))
