"""The words of the pages: the same in each language, all that are used, and none beside them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.detectors.registry import BUILT_IN
from stream_anon.pipeline.choices import SCOPES, methods, scopes
from stream_anon.web.pages.files import HERE as STATIC
from stream_anon.web.pages.words import LANGUAGES, language_of, words
from stream_anon.web.templating import HERE

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SCRIPTS = sorted(STATIC.glob("*.js"))
SHOWN = ("alt", "aria-label", "placeholder", "title")
"""Attributes that people read."""
PLACE = re.compile(r"{\w+}")


def flat(language: Any) -> dict[str, str]:
    return {f"{page}.{key}": text for page, own in words(language).items()
            for key, text in own.items()}  # fmt: skip


def test_languages_have_the_same_words() -> None:
    english, chinese = (flat(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    assert all(text.strip() for text in (*english.values(), *chinese.values()))
    for key, text in english.items():
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(chinese[key])), key
    same = {key for key, text in english.items() if text == chinese[key]}
    assert same == {"common.product"}


def test_no_word_is_named_like_a_method_of_its_dictionary() -> None:
    names = {key for own in words("en").values() for key in own}
    assert not names & set(dir(dict))  # a template would show that


class _Bare(HTMLParser):
    """Texts and shown attributes of a template without its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and name in SHOWN]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def bare(path: Path) -> _Bare:
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    parser = _Bare()
    parser.feed(text)
    return parser


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_bare_text_or_inline_code(template: Path) -> None:
    parser = bare(template)
    texts = [text for text in parser.found if re.search(r"\w", text)]
    assert not texts
    assert not parser.inline


def test_bare_text_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<p style="x" onclick="y" title="{{ a }} b">{{ w.a }} c</p><script>d</script>')
    parser = bare(page)
    assert [text.strip() for text in parser.found] == ["b", "c", "d"]
    assert parser.inline == ["style", "onclick", "script"]


def test_scripts_use_words_that_are_there_and_all_of_them() -> None:
    text = "\n".join(path.read_text() for path in SCRIPTS)
    known = words("en")["script"]
    used = set(re.findall(r"""\bt\(\s*["'](\w+)["']""", text))
    assert used <= known.keys(), used - known.keys()
    built = {key for key in known if re.match(r"state_|e_|l_|zone_(hide|ignore)", key)}
    unused = {key for key in known if not re.search(rf"""["'`]{key}["'`]""", text)} - built
    states = {"uploading", "waiting", "running", "done", "failed", "cancelled"}
    assert unused - states - {"audit", "result", "report", "tracks"} == set()


def test_templates_use_all_words_of_theirs() -> None:
    text = "\n".join(path.read_text() for path in TEMPLATES)
    unused = [
        f"{page}.{key}"
        for page, own in words("en").items()
        if page not in ("script", "scope", "method")
        for key in own
        if f"w.{page}.{key}" not in text and f'"{key}"' not in text
    ]
    assert sorted(unused) == ["common.operator", "common.viewer"]  # by role


def test_all_choices_have_words() -> None:
    for language in LANGUAGES:
        assert words(language)["scope"].keys() == set(SCOPES)
        assert words(language)["method"].keys() == {method.name for method in methods()}


def test_choices_are_what_detectors_here_see() -> None:
    found = scopes()
    assert found[:2] == ("face", "head")
    assert set(found) >= {"moving", "background"}
    assert ("plate" in found) == BUILT_IN["plates"].is_installed()
    assert next(method.name for method in methods() if method.is_safe) == "blur"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-SG", "zh"),
        ("en-GB,zh;q=0.5", "en"),
        ("en;q=0.2, ZH;q=0.3", "zh"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense, en", "en"),
        ("zhx", "en"),
        (",;=," * 5000, "en"),
    ],
)
def test_the_browser_chooses_the_language(header: str, language: str) -> None:
    assert language_of(header) == language
