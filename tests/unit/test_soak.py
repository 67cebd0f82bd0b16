"""What the soak calls too slow."""

from __future__ import annotations

from soak import BACKOFF, ON_TOP, too_slow


def test_each_recovery_beyond_the_bar_is_named() -> None:
    bar = BACKOFF + ON_TOP
    told = too_slow(
        [
            ("camera killed", 10.0, bar),
            ("camera frozen", 55.0, bar + 22.3),
            ("target frozen", 90.0, 0.0),
            ("video stops, sound goes on", 120.0, bar + 0.1),
        ]
    )
    assert len(told) == 2
    assert "29.3 s after camera frozen, 7 s are allowed (second 55)" in told[0]
    assert "7.1 s after video stops, sound goes on" in told[1]
    assert too_slow([]) == []
