"""Files for running as a service: they parse, their commands are ours, and nothing is left open."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pytest
import typer

from stream_anon.cli.main import app
from stream_anon.config import load_settings
from stream_anon.pipeline.figures.metrics import serve_metrics
from stream_anon.pipeline.figures.stats import LiveStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    Unit: TypeAlias = dict[str, dict[str, list[str]]]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PORT = "9464"
VARIABLE = r"\$\{STREAM_ANON_SOURCE[^}]*\}"


def read_unit(path: Path) -> Unit:
    """Sections, keys, and every value that a key was given, in order."""
    unit: Unit = {}
    section = ""
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            unit[section] = {}
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            unit[section].setdefault(key, []).append(value)
    return unit


def read_yaml(text: str) -> Any:
    """The little YAML that our file uses: nested mappings, lists of strings, comments."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    value, rest = _node(lines, 0)
    assert not rest, f"does not fit: {rest[0]!r}"
    return value


def _node(lines: list[str], indent: int) -> tuple[Any, list[str]]:
    mapping: dict[str, Any] = {}
    items: list[str] = []
    while lines and _indent(lines[0]) == indent:
        line, lines = lines[0].strip(), lines[1:]
        if line.startswith("- "):
            while lines and _indent(lines[0]) > indent:
                line, lines = f"{line} {lines[0].strip()}", lines[1:]
            items.append(_scalar(line[2:]))
            continue
        key, colon, value = line.partition(":")
        assert colon, f"not understood: {line!r}"
        assert key not in mapping, f"twice: {key}"
        if value:
            mapping[key] = _scalar(value.strip())
        else:
            mapping[key], lines = _node(lines, _indent(lines[0]))
    assert not (mapping and items), "a list in a mapping"
    return mapping or items, lines


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _scalar(text: str) -> str:
    if text.startswith('"'):
        assert re.fullmatch(r'"[^"\\]*"', text), text
        return text[1:-1]
    assert text[0] not in "[&*!|>%@`'{" or text == "{}", f"not understood: {text!r}"
    assert ": " not in text, f"needs quotes: {text!r}"
    assert " #" not in text, f"needs quotes: {text!r}"
    return text


def read_environment(path: Path) -> dict[str, str]:
    """Settings and those that are commented out, their single quotes taken off."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"(?:# )?([A-Z_]+)='([^']*)'", line):
            found[match[1]] = match[2]
        else:
            assert line.startswith("#"), line
    return found


UNIT = read_unit(DEPLOY / "stream-anon.service")
SERVICE = UNIT["Service"]
COMPOSE = read_yaml((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CONTAINER = COMPOSE["services"]["stream-anon"]
ENVIRONMENT = read_environment(DEPLOY / "stream-anon.env.example")
STEPS = [
    step.split(maxsplit=1)
    for step in (DEPLOY / "Dockerfile")
    .read_text(encoding="utf-8")
    .replace("\\\n", " ")
    .splitlines()
    if step and not step.startswith("#")
]


def unit_command() -> list[str]:
    """What systemd runs, once it has put in what it knows."""
    (command,) = SERVICE["ExecStart"]
    words = shlex.split(command.replace("%%", "%"))
    return [re.sub(VARIABLE, ENVIRONMENT["STREAM_ANON_SOURCE"], word) for word in words]


def compose_command() -> list[str]:
    """What the container runs, the entry point first."""
    words = ["stream-anon", *CONTAINER["command"]]
    return [re.sub(VARIABLE, ENVIRONMENT["STREAM_ANON_SOURCE"], word) for word in words]


def _systemd_analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze on this machine")
    return tool


COMMANDS = {"unit": unit_command(), "compose": compose_command()}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
class TestCommands:
    def test_the_command_line_understands_it(self, words: Sequence[str]) -> None:
        assert Path(words[0]).name == "stream-anon"
        group = cast(Any, typer.main.get_command(app))
        assert words[1] in group.commands
        context = group.commands[words[1]].make_context(words[1], list(words[2:]))
        given = [str(value) for value in context.params.values()]
        assert ENVIRONMENT["STREAM_ANON_SOURCE"] in given
        assert PORT in given

    def test_no_password_is_on_it(self, words: Sequence[str]) -> None:
        assert not [word for word in words if "@" in word]

    def test_recordings_rotate_and_are_given_up_one_day(self, words: Sequence[str]) -> None:
        assert {"--segment", "--keep"} <= set(words)
        assert words[words.index("--metrics-port") + 1] == PORT
        assert words[words.index("--config") + 1] == "/etc/stream-anon/live.toml"


class TestUnit:
    @pytest.mark.slow
    def test_systemd_finds_no_fault(self, tmp_path: Path) -> None:
        tool = _systemd_analyze()
        unit = tmp_path / "stream-anon.service"
        text = (DEPLOY / "stream-anon.service").read_text(encoding="utf-8")
        program = unit_command()[0]
        assert program in text
        unit.write_text(text.replace(program, "/bin/true"), encoding="utf-8")
        done = subprocess.run(
            [tool, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
        )
        # It also looks at what the machine itself has installed.
        assert [line for line in done.stderr.splitlines() if unit.name in line] == []

    def test_it_comes_back_for_ever_and_is_watched(self) -> None:
        assert SERVICE["Type"] == ["notify"]
        assert SERVICE["Restart"] == ["always"]
        assert UNIT["Unit"]["StartLimitIntervalSec"] == ["0"]
        assert int(SERVICE["WatchdogSec"][0]) > 2 * load_settings().live.stall

    @pytest.mark.slow
    def test_little_is_open_to_it(self, tmp_path: Path) -> None:
        tool = _systemd_analyze()
        unit = tmp_path / "stream-anon.service"
        shutil.copy(DEPLOY / unit.name, unit)
        done = subprocess.run(
            [tool, "security", "--offline=true", "--threshold=20", str(unit)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert "Overall exposure level" in done.stdout

    def test_what_systemd_does_not_rate(self) -> None:
        # Cameras can be read, core dumps cannot be written, children finish their files.
        wanted = {"SupplementaryGroups": "video", "LimitCORE": "0", "KillMode": "mixed"}
        assert {key: SERVICE[key] for key in wanted} == {k: [v] for k, v in wanted.items()}

    def test_recordings_go_where_it_may_write(self) -> None:
        words = unit_command()
        folder = Path(words[words.index("--to") + 1]).parent
        owned = [Path("/var/lib") / name for name in SERVICE["StateDirectory"][0].split()]
        assert folder in owned


class TestContainer:
    def test_it_may_do_little(self) -> None:
        assert CONTAINER["read_only"] == "true"
        assert CONTAINER["cap_drop"] == ["ALL"]
        assert CONTAINER["security_opt"] == ["no-new-privileges:true"]
        assert CONTAINER["restart"] == "unless-stopped"
        assert CONTAINER["ulimits"] == {"core": "0"}
        assert "ports" not in CONTAINER
        assert "privileged" not in CONTAINER

    def test_files_that_it_names_exist(self) -> None:
        build = CONTAINER["build"]
        context = (DEPLOY / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
        sources = [volume.partition(":")[0] for volume in CONTAINER["volumes"]]
        assert all((DEPLOY / name).is_file() for name in sources if name.startswith("."))
        assert {name for name in sources if not name.startswith(".")} == set(COMPOSE["volumes"])
        assert (DEPLOY / f"{CONTAINER['env_file'][0]}.example").is_file()

    def test_recordings_outlive_the_container(self) -> None:
        command = CONTAINER["command"]
        folder = str(Path(command[command.index("--to") + 1]).parent)
        assert [v for v in CONTAINER["volumes"] if v.endswith(f":{folder}")]
        assert any(folder in step[1] for step in STEPS if step[0] == "RUN")

    @pytest.mark.slow
    @pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1)])
    def test_the_health_check_asks_the_run(self, well: bool, code: int) -> None:
        pytest.importorskip("prometheus_client", reason="pip install 'stream-anon[live]'")
        kind, _, option, program = CONTAINER["healthcheck"]["test"]
        assert (kind, option) == ("CMD", "-c")
        assert PORT in program
        server = serve_metrics("127.0.0.1", 0, LiveStats().snapshot, lambda: (well, "so it is"))
        try:
            check = [sys.executable, "-c", program.replace(PORT, str(server.port))]
            done = subprocess.run(check, check=False, timeout=60, capture_output=True)
        finally:
            server.close()
        assert (done.returncode, done.stderr) == (code, b"")


class TestImage:
    def test_it_copies_what_exists_and_what_is_let_through(self) -> None:
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        assert ignored[0] == "*"
        for name, words in STEPS:
            if name == "COPY" and "--from" not in words:
                for source in words.split()[:-1]:
                    assert (ROOT / source).exists()
                    assert f"!{source.removeprefix('./')}" in ignored

    def test_it_does_not_run_as_root(self) -> None:
        users = [words for name, words in STEPS if name == "USER"]
        assert users
        assert users[-1] not in ("root", "0")
        assert [n for n, _ in STEPS].index("USER") < [n for n, _ in STEPS].index("ENTRYPOINT")

    def test_no_compiler_is_left_in_it(self) -> None:
        last = max(index for index, step in enumerate(STEPS) if step[0] == "FROM")
        text = " ".join(words for _, words in STEPS[last:])
        assert not re.search(r"\b(gcc|g\+\+|build-essential|make|git|pip)\b", text)
        assert all(words.startswith("python:3.12-slim") for n, words in STEPS if n == "FROM")

    def test_the_extra_that_it_installs_exists(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (wanted,) = {m for _, words in STEPS for m in re.findall(r"\.\[(\w+)\]", words)}
        assert any(
            package.startswith("prometheus")
            for package in project["optional-dependencies"].get(wanted, ())
        )


class TestSettings:
    def test_the_file_holds_settings_that_exist(self) -> None:
        assert load_settings(DEPLOY / "live.toml").live.metrics_host == "127.0.0.1"

    def test_production_is_not_switched_off(self) -> None:
        assert load_settings(DEPLOY / "live.toml").live.mode == "production"

    def test_the_example_holds_no_secret(self) -> None:
        assert {k: v for k, v in ENVIRONMENT.items() if "PASSWORD" in k or "USER" in k} == {
            "STREAM_ANON_USER": "",
            "STREAM_ANON_PASSWORD": "",
            "STREAM_ANON_PUBLISH_USER": "",
            "STREAM_ANON_PUBLISH_PASSWORD": "",
        }


@pytest.mark.parametrize(
    "text", ["a: [1]", "a: b: c", "a: x # y", "a: 1\na: 2", "a:\n  b: 1\n - c", "a: 1\n- b"]
)
def test_the_reader_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(AssertionError):
        read_yaml(text)
