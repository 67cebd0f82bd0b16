"""Pages as the server answers them: for whom, in which language, and from which files."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stream_anon
from stream_anon.web.pages.files import HERE as STATIC
from tests.web.room import ORIGIN

if TYPE_CHECKING:
    from tests.web.room import Room

PACKAGE = Path(stream_anon.__file__).parent
PAGES = ("/", "/files", "/help", "/log", "/review/abc")
BROWSER = {"accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_is_led_to_the_login(room: Room, path: str) -> None:
    answer = room.nobody.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert not answer.text
    assert room.nobody.get(path).status_code == 401


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_nothing_that_runs_or_comes_from_elsewhere(room: Room, path: str) -> None:
    text = room.operator.get(path, headers=BROWSER).text
    assert not re.search(
        r"<style|\sstyle=|\son\w+=|javascript:|<script(?! type=\"module\" src=)", text
    )
    for place in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert place.startswith(("/", "#")), place
        if place.startswith("/static/"):
            assert room.nobody.get(place).status_code == 200


def test_a_viewer_sees_no_pages_of_operators(room: Room) -> None:
    for path in ("/log", "/review/abc"):
        answer = room.viewer.get(path, headers=BROWSER)
        assert answer.status_code == 403
        assert "operator" in answer.text
    text = room.viewer.get("/", headers=BROWSER).text
    assert 'href="/log"' not in text
    assert 'id="add"' not in text
    assert 'id="switch"' not in text
    assert 'name="review"' not in room.viewer.get("/files", headers=BROWSER).text


def test_the_language_is_the_browsers(room: Room) -> None:
    chinese = {**BROWSER, "accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}
    for path in PAGES:
        answer = room.operator.get(path, headers=chinese)
        assert '<html lang="zh-Hans">' in answer.text
        assert "帮助" in answer.text
        assert "Accept-Language" in answer.headers["vary"]
        assert "帮助" not in room.operator.get(path, headers=BROWSER).text
    assert "登录" in room.nobody.get("/login", headers=chinese).text
    assert "日志" in room.operator.get("/help?language=zh", headers=BROWSER).text


def test_a_wrong_token_is_said_in_the_browsers_language(room: Room) -> None:
    headers = {**BROWSER, "origin": ORIGIN, "accept-language": "zh"}
    answer = room.nobody.post("/login", data={"token": "wrong" * 8}, headers=headers)
    assert answer.status_code == 401
    assert "令牌无效" in answer.text


@pytest.mark.parametrize(("which", "is_off"), [("room", True), ("debug_room", False)])
def test_production_has_no_switch_to_turn(
    request: pytest.FixtureRequest, which: str, is_off: bool
) -> None:
    text = request.getfixturevalue(which).operator.get("/", headers=BROWSER).text
    found = re.search(r'<button id="switch"[^>]*>', text)
    assert found is not None
    assert ("disabled" in found[0]) is is_off
    assert 'aria-checked="true"' in found[0]


def test_without_anonymization_every_page_has_a_banner(debug_room: Room) -> None:
    debug_room.operator.post("/config", json={"anonymization": False})
    for path in PAGES:
        assert 'class="banner"' in debug_room.operator.get(path, headers=BROWSER).text
    debug_room.operator.post("/config", json={"anonymization": True})
    assert 'class="banner"' not in debug_room.operator.get("/", headers=BROWSER).text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("base.css", "text/css"), ("base.js", "javascript"), ("icon.svg", "image/svg+xml")],
)
def test_files_are_served_with_their_type_and_asked_for_again(
    room: Room, name: str, kind: str
) -> None:
    answer = room.nobody.get(f"/static/{name}")
    assert kind in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = room.nobody.get(f"/static/{name}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_scripts_import_each_other_and_nothing_else() -> None:
    for script in STATIC.glob("*.js"):
        text = script.read_text()
        for place in re.findall(r'from "([^"]*)"', text):
            assert (STATIC / place).is_file(), place
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|https?://(?!www.w3)", text
        )
        assert len(text.splitlines()) <= 300


def test_all_files_of_pages_are_in_the_wheel() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["stream_anon"]
    for folder in ("static", "templates", "words"):
        files = [path for path in (PACKAGE / "web" / folder).rglob("*") if path.is_file()]
        assert files
        for path in files:
            name = path.relative_to(PACKAGE).as_posix()
            assert any(fnmatch(name, one) and name.count("/") == one.count("/") for one in patterns)
