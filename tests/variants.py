"""Parameters of tests: the first of a kind run always, the rest with `./scripts/test --all`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def variants(values: Iterable[Any], always: int) -> list[Any]:
    """Values for `pytest.mark.parametrize`.

    Args:
        values: of the parameter; tuples of values where there are several.
        always: how many of them, from the first on, are in the default run.
    """

    def rare(value: Any) -> Any:
        several = value if isinstance(value, tuple) else (value,)
        return pytest.param(*several, marks=pytest.mark.exhaustive)

    found = list(values)
    return [*found[:always], *map(rare, found[always:])]
