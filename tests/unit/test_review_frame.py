"""Raw pictures for a review have a way out of their own, and no other."""

from __future__ import annotations

import ast
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import stream_anon
from stream_anon.core.review_frame import _REVIEWER_KEY, ReviewFrame, _ReviewerKey

PACKAGE = Path(stream_anon.__file__).parent
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class TestReviewFrame:
    PICTURE = np.full((90, 160, 3), 128, np.uint8)

    def test_only_the_reviewer_can_make_one(self) -> None:
        for key in (None, object(), _ReviewerKey()):
            with pytest.raises(TypeError, match="only the reviewer"):
                ReviewFrame(
                    cast(Any, key), picture=self.PICTURE, index=0, operator="Ada", at=NOW
                )  # fmt: skip

    def test_it_has_a_name_and_a_time_and_leaves_the_picture_alone(self) -> None:
        before = self.PICTURE.copy()
        made = [
            ReviewFrame(_REVIEWER_KEY, picture=self.PICTURE, index=5, operator=name, at=at)
            for name, at in (("Ada", NOW), ("Bob", NOW), ("Ada", NOW.replace(hour=9)))
        ]
        assert len({frame.jpeg for frame in made}) == 3
        assert np.array_equal(self.PICTURE, before)
        assert "128" not in repr(made[0])
        for name in ("", "  "):
            with pytest.raises(ValueError, match="name"):
                ReviewFrame(_REVIEWER_KEY, picture=self.PICTURE, index=5, operator=name, at=NOW)

    def test_it_cannot_be_changed_or_stored(self) -> None:
        frame = ReviewFrame(_REVIEWER_KEY, picture=self.PICTURE, index=5, operator="Ada", at=NOW)
        with pytest.raises(AttributeError):
            frame.jpeg = b""
        with pytest.raises(TypeError):
            pickle.dumps(frame)

    def test_nothing_else_knows_the_key_or_takes_one(self) -> None:
        def users(*words: str) -> set[str]:
            return {
                str(path.relative_to(PACKAGE))
                for path in PACKAGE.rglob("*.py")
                if any(word in _names(path) for word in words)
            }

        # The second one opens what the first has made in a process of its own.
        makers = {"core/review_frame.py", "pipeline/review/reviewer.py", "web/review/desk.py"}
        assert users("_REVIEWER_KEY", "_ReviewerKey") == makers
        assert users("ReviewFrame") == {*makers, "web/routes/review.py"}

    def test_each_raw_picture_goes_through_the_one_exit(self) -> None:
        tree = ast.parse((PACKAGE / "web/routes/review.py").read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        exits = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "_raw"]
        assert len(exits) == 2
        text = ast.unparse(tree)
        assert text.count(".jpeg") == 1
        assert text.count("'see raw frame'") == len(exits)


def _names(path: Path) -> set[str]:
    names: set[str] = set()
    text = path.read_text(encoding="utf-8")
    if "eview" not in text:
        return names
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
    return names
