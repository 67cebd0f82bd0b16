"""Settings: one list of them, checked, and errors that help."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import annotated_types
import pytest
from pydantic.fields import FieldInfo

import stream_anon
from stream_anon.config import Redaction, Rule, Settings, known_keys, load_settings
from stream_anon.errors import ConfigError
from stream_anon.redaction.registry import method_names

DEFAULT = Path(stream_anon.__file__).parents[1] / "configs" / "default.toml"
DEFAULTS = Settings().model_dump()
FIELDS: dict[str, FieldInfo] = {
    f"{section}.{key}": field
    for section, outer in Settings.model_fields.items()
    for key, field in getattr(outer.annotation, "model_fields", {}).items()
}


def bounds(field: FieldInfo) -> list[tuple[float, float]]:
    """Pairs of the last allowed and the first forbidden value."""
    step = 1 if field.annotation is int else 1e-3
    found: list[tuple[float, float]] = []
    for limit in field.metadata:
        if isinstance(limit, annotated_types.Ge):
            found.append((_number(limit.ge), _number(limit.ge) - step))
        elif isinstance(limit, annotated_types.Gt):
            found.append((_number(limit.gt) + step, _number(limit.gt)))
        elif isinstance(limit, annotated_types.Le):
            found.append((_number(limit.le), _number(limit.le) + step))
        elif isinstance(limit, annotated_types.Lt):
            found.append((_number(limit.lt) - step, _number(limit.lt)))
    return found


def _number(limit: Any) -> float:
    return float(limit) if isinstance(limit, float) else int(limit)


BOUNDS = [(key, *pair) for key, field in FIELDS.items() for pair in bounds(field)]
NUMBERS = [key for key, field in FIELDS.items() if field.annotation in (int, float)]


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def value_of(settings: Settings, dotted: str) -> object:
    section, key = dotted.split(".")
    return getattr(getattr(settings, section), key)


class TestTheDefaultFile:
    def test_says_exactly_what_the_code_says(self) -> None:
        with DEFAULT.open("rb") as file:
            in_file = tomllib.load(file)
        assert in_file == DEFAULTS
        types = {s: {k: type(v) for k, v in keys.items()} for s, keys in in_file.items()}
        assert types == {s: {k: type(v) for k, v in keys.items()} for s, keys in DEFAULTS.items()}

    def test_can_be_loaded(self) -> None:
        assert load_settings(DEFAULT) == Settings()

    @pytest.mark.parametrize("dotted", FIELDS)
    def test_gives_each_setting_a_comment(self, dotted: str) -> None:
        section, key = dotted.split(".")
        lines = DEFAULT.read_text(encoding="utf-8").split(f"[{section}]\n")[1].splitlines()
        line = next(line for line in lines if line.startswith(f"{key} "))
        quotes_out = line.replace('"#202020"', '""')
        _, _, comment = quotes_out.partition("#")
        assert len(comment.split()) >= 3, line

    @pytest.mark.parametrize("dotted", [k for k in FIELDS if k.split(".")[1] not in ("threads",)])
    def test_names_every_choice(self, dotted: str) -> None:
        choices = getattr(FIELDS[dotted].annotation, "__args__", ())
        section, key = dotted.split(".")
        text = DEFAULT.read_text(encoding="utf-8").split(f"[{section}]\n")[1]
        start = text.index(f"\n{key} ") if f"\n{key} " in text else 0
        missing = [c for c in choices if isinstance(c, str) and c not in text[start : start + 200]]
        assert missing == []

    def test_names_every_method(self) -> None:
        text = DEFAULT.read_text(encoding="utf-8")
        start = text.index("\nmethod ")
        told = text[start : text.index("\ncells ", start)]
        assert [name for name in method_names() if name not in told] == []

    def test_known_keys_are_all_of_them(self) -> None:
        assert set(known_keys()) == set(FIELDS)


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("text", "key", "near"),
        [
            ("[masking]\nlookahed = 1", "masking.lookahed", "masking.lookahead"),
            ("[masking]\nMargin = 1", "masking.Margin", "masking.margin"),
            ("[redaction]\nmetod = 'blur'", "redaction.metod", "redaction.method"),
            ("[redaction]\nmargin = 0.3", "redaction.margin", "masking.margin"),
            ("[output]\nscope = 'face'", "output.scope", "redaction.scope"),
            ("[maskin]\nmargin = 1", "maskin", "masking"),
            ("lookahead = 1", "lookahead", "masking.lookahead"),
            ("scope = 'face'", "scope", "redaction.scope"),
            ("[keyframes]\ninterval_s = 3", "keyframes.interval_s", "keyframes.interval"),
        ],
    )
    def test_the_nearest_known_one_is_named(
        self, tmp_path: Path, text: str, key: str, near: str
    ) -> None:
        path = written(tmp_path, text)
        with pytest.raises(ConfigError) as caught:
            load_settings(path)
        message = str(caught.value)
        assert f"unknown setting {key} in {path}: did you mean {near}?" == message

    def test_without_a_near_one_the_sections_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="unknown setting zzqqx") as caught:
            load_settings(written(tmp_path, "zzqqx = 1"))
        assert all(section in str(caught.value) for section in Settings.model_fields)

    @pytest.mark.parametrize("dotted", ["masking.lookahed", "lookahead", "nowhere.scope"])
    def test_overrides_are_checked_too(self, dotted: str) -> None:
        with pytest.raises(ConfigError, match="unknown setting"):
            load_settings(None, {dotted: 1})


class TestRanges:
    def test_every_number_has_a_range(self) -> None:
        assert sorted({key for key, *_ in BOUNDS}) == sorted(NUMBERS)

    @pytest.mark.parametrize(("dotted", "allowed", "forbidden"), BOUNDS)
    def test_limits_are_where_they_are_said_to_be(
        self, dotted: str, allowed: float, forbidden: float
    ) -> None:
        assert value_of(load_settings(None, {dotted: allowed}), dotted) == allowed
        with pytest.raises(ConfigError) as caught:
            load_settings(None, {dotted: forbidden})
        assert f"setting {dotted} is {forbidden!r}" in str(caught.value)

    @pytest.mark.parametrize("dotted", NUMBERS)
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "many"])
    def test_what_is_no_number_is_refused(self, dotted: str, value: object) -> None:
        with pytest.raises(ConfigError, match=dotted):
            load_settings(None, {dotted: value})

    @pytest.mark.parametrize("color", ["", "red", "#12345", "#1234567", "#gggggg", "#+12345"])
    def test_colours_have_one_form(self, color: str) -> None:
        with pytest.raises(ConfigError, match=r"redaction\.color.*#RRGGBB"):
            load_settings(None, {"redaction.color": color})

    @pytest.mark.parametrize("color", ["#ABCDEF", "abcdef", "#abcdef"])
    def test_colours_are_written_one_way_afterwards(self, color: str) -> None:
        assert load_settings(None, {"redaction.color": color}).redaction.color == "#abcdef"

    @pytest.mark.parametrize("dotted", ["live.mode", "parsing.precision"])
    def test_unknown_choices_name_the_known_ones(self, dotted: str) -> None:
        with pytest.raises(ConfigError, match=dotted) as caught:
            load_settings(None, {dotted: "stare"})
        for choice in FIELDS[dotted].annotation.__args__:  # type: ignore[union-attr]
            assert f"'{choice}'" in str(caught.value)

    def test_settings_cannot_be_changed_afterwards(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            Settings().masking.margin = 1.0


class TestRules:
    def test_a_name_stands_for_a_rule_with_that_method(self, tmp_path: Path) -> None:
        text = '[redaction.rules]\nface = "fill"\nhair = {cells = 2, color = "ABCDEF"}\n'
        rules = load_settings(written(tmp_path, text)).redaction.rules
        assert rules["face"] == Rule(method="fill")
        assert rules["hair"] == Rule(cells=2, color="#abcdef")

    def test_what_a_rule_leaves_out_is_as_for_everything_else(self) -> None:
        redaction = Redaction(method="pixelate", cells=2, edge=0.5)
        assert redaction.by(Rule(cells=1)) == Redaction(method="pixelate", cells=1, edge=0.5)

    @pytest.mark.parametrize(
        ("rule", "said"),
        [
            ("{cells = 9}", "setting redaction.rules.face.cells"),
            ('{color = "red"}', "setting redaction.rules.face.color"),
            ("{edge = 2}", "setting redaction.rules.face.edge"),
            ("3", "setting redaction.rules.face"),
            ('{metod = "fill"}', "did you mean redaction.rules.face.method?"),
            ('{scope = "head"}', "unknown setting redaction.rules.face.scope"),
        ],
    )
    def test_wrong_ones_are_named(self, tmp_path: Path, rule: str, said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            load_settings(written(tmp_path, f"[redaction.rules]\nface = {rule}\n"))
        assert said in str(caught.value)

    def test_rules_of_the_command_line_join_those_of_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, '[redaction.rules]\nface = "fill"\nhair = "blur"\n')
        rules = load_settings(path, {"redaction.rules": {"hair": "pixelate"}}).redaction.rules
        assert {name: rule.method for name, rule in rules.items()} == {
            "face": "fill",
            "hair": "pixelate",
        }


class TestFiles:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml"):
            load_settings(tmp_path / "nowhere.toml")

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot read"):
            load_settings(tmp_path)

    @pytest.mark.parametrize(
        "content", [b"[masking\n", b"margin", b"\xff\xfe\x00bad", b"a = 1\na = 2"]
    )
    def test_what_is_not_toml_is_said_to_be_so(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "bad.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.toml is not valid TOML"):
            load_settings(path)

    def test_a_value_where_a_section_belongs(self, tmp_path: Path) -> None:
        path = written(tmp_path, "masking = 3")
        with pytest.raises(ConfigError, match=r"setting masking in .* is 3"):
            load_settings(path)
        with pytest.raises(ConfigError, match=r"setting masking in .* is 3"):
            load_settings(path, {"masking.margin": 0.5})

    def test_an_empty_file_leaves_the_defaults(self, tmp_path: Path) -> None:
        assert load_settings(written(tmp_path, "")) == Settings()


class TestPrecedence:
    def test_overrides_beat_the_file_and_the_file_beats_the_default(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[masking]\nmargin = 0.5\nlinger = 2.5\n")
        settings = load_settings(path, {"masking.margin": 0.75, "redaction.scope": "head"})
        assert settings.masking.margin == 0.75
        assert settings.masking.linger == 2.5
        assert settings.masking.growth == Settings().masking.growth
        assert settings.redaction.scope == "head"

    def test_an_override_of_none_is_no_override(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[masking]\nmargin = 0.5\n")
        assert load_settings(path, {"masking.margin": None}).masking.margin == 0.5

    def test_the_last_step_is_wrong_in_overrides_the_right_one_in_the_file_too(
        self, tmp_path: Path
    ) -> None:
        path = written(tmp_path, "[masking]\nmargin = 0.5\n")
        with pytest.raises(ConfigError, match=r"masking\.margin"):
            load_settings(path, {"masking.margin": -1})


@pytest.mark.parametrize("path", sorted(DEFAULT.parent.glob("*.toml")), ids=lambda path: path.name)
def test_every_file_that_we_ship_is_valid(path: Path) -> None:
    expected = "m2fp" if path.stem == "m2fp" else "auto"
    assert load_settings(path).parsing.engine == expected
